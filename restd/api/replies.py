"""What replies look like, as JSON Schema: for the API description, and for the tests that hold replies to it.

Written out beside the views on purpose: a view that changes by accident then disagrees. `Config` and `HostConfig` come
from the model, as the views take them from there.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from restd.model.container import Config, HostConfig
from restd.model.docker_json import json_name
from restd.model.network import Pool

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{9})?Z$"}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
IMAGE_ID: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}


def ref(name: str) -> Schema:
    """A reference to a schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listing(inner: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": inner}


def mapping(inner: Schema) -> Schema:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": inner}


def nullable(inner: Schema) -> Schema:
    """The same, or null."""
    if isinstance(inner.get("type"), str):
        return {**inner, "type": [inner["type"], "null"]}
    return {"oneOf": [inner, {"type": "null"}]}


def record(properties: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with exactly these properties; those in `optional` may be missing."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def model_schema(model: type) -> Schema:
    """The JSON form of a model dataclass (`restd.model.docker_json.to_docker`)."""
    hints = get_type_hints(model)
    always: dict[str, Schema] = {}
    sometimes: dict[str, Schema] = {}
    for item in fields(model):
        target = sometimes if item.metadata.get("omit_empty") else always
        target[json_name(item)] = _hint_schema(hints[item.name])
    return record(always, sometimes)


def _hint_schema(hint: Any) -> Schema:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return nullable(_hint_schema(next(entry for entry in get_args(hint) if entry is not type(None))))
    if origin is tuple:
        return listing(_hint_schema(get_args(hint)[0]))
    if origin is dict:
        return mapping(_hint_schema(get_args(hint)[1]))
    if is_dataclass(hint):
        return model_schema(hint)  # type: ignore[arg-type]  # a type hint that is a dataclass is a type
    simple: dict[Any, Schema] = {str: TEXT, int: WHOLE, bool: FLAG}
    return simple.get(hint, {})


def _texts(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split(), TEXT)


def _wholes(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split(), WHOLE)


def _flags(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split(), FLAG)


def _containers() -> dict[str, Schema]:
    endpoint = record(
        {
            **_texts("MacAddress NetworkID EndpointID Gateway IPAddress IPv6Gateway GlobalIPv6Address"),
            **_wholes("IPPrefixLen GlobalIPv6PrefixLen"),
            "IPAMConfig": nullable({"type": "object"}),
            "Links": nullable(listing(TEXT)),
            "Aliases": nullable(listing(TEXT)),
            "DriverOpts": nullable(mapping(TEXT)),
        },
        {"GwPriority": WHOLE, "DNSNames": nullable(listing(TEXT))},
    )
    mount = record(
        {**_texts("Type Source Destination Mode Propagation"), "RW": FLAG}, {"Name": TEXT, "Driver": {"const": "local"}}
    )
    sizes = _wholes("SizeRw SizeRootFs")
    leftover = record({**_texts("What Error"), "Since": TIME, "NextAttempt": TIME, "Attempts": WHOLE})
    state = record(
        {
            "Status": {"enum": ["created", "running", "paused", "restarting", "removing", "exited", "dead"]},
            **_flags("Running Paused Restarting OOMKilled Dead"),
            **_wholes("Pid ExitCode"),
            "Error": TEXT,
            "StartedAt": TIME,
            "FinishedAt": TIME,
        },
        {"Health": ref("Health")},
    )
    probe = record({"Start": TIME, "End": TIME, "ExitCode": WHOLE, "Output": TEXT})
    health = record(
        {"Status": {"enum": ["starting", "healthy", "unhealthy"]}, "FailingStreak": WHOLE, "Log": listing(probe)}
    )
    settings = record(
        {
            **_texts("Bridge SandboxID SandboxKey LinkLocalIPv6Address EndpointID Gateway GlobalIPv6Address"),
            **_texts("IPAddress IPv6Gateway MacAddress"),
            **_wholes("LinkLocalIPv6PrefixLen GlobalIPv6PrefixLen IPPrefixLen"),
            "HairpinMode": FLAG,
            "SecondaryIPAddresses": nullable(listing({"type": "object"})),
            "SecondaryIPv6Addresses": nullable(listing({"type": "object"})),
            "Ports": {"type": "object"},
            "Networks": mapping(ref("Endpoint")),
        }
    )
    return {
        "Endpoint": endpoint,
        "Mount": mount,
        "State": state,
        "Health": health,
        "NetworkSettings": settings,
        "Config": model_schema(Config),
        "HostConfig": model_schema(HostConfig),
        "Container": record(
            {
                "Id": ID,
                "Created": TIME,
                "Path": TEXT,
                "Args": listing(TEXT),
                "State": ref("State"),
                "Image": IMAGE_ID,
                **_texts("ResolvConfPath HostnamePath HostsPath LogPath Name Driver Platform MountLabel ProcessLabel"),
                "AppArmorProfile": TEXT,
                "RestartCount": WHOLE,
                "ExecIDs": nullable(listing(ID)),
                "HostConfig": ref("HostConfig"),
                "GraphDriver": record({"Name": TEXT, "Data": nullable(mapping(TEXT))}),
                "Mounts": listing(ref("Mount")),
                "Config": ref("Config"),
                "NetworkSettings": ref("NetworkSettings"),
            },
            {**sizes, "Leftovers": listing(leftover)},
        ),
        "ContainerItem": record(
            {
                "Id": ID,
                "Names": listing(TEXT),
                "Image": TEXT,
                "ImageID": IMAGE_ID,
                "Command": TEXT,
                "Created": WHOLE,
                "Ports": listing({"type": "object"}),
                "Labels": mapping(TEXT),
                **_texts("State Status"),
                "HostConfig": record({"NetworkMode": TEXT}),
                "NetworkSettings": record({"Networks": mapping(ref("Endpoint"))}),
                "Mounts": listing(ref("Mount")),
            },
            sizes,
        ),
        "Created": record({"Id": ID, "Warnings": listing(TEXT)}),
        "Change": record({"Path": TEXT, "Kind": {"type": "integer", "minimum": 0, "maximum": 2}}),
        "Stats": _stats(),
        "Top": record({"Titles": listing(TEXT), "Processes": listing(listing(TEXT))}),
        "Wait": record({"StatusCode": WHOLE}, {"Error": record({"Message": TEXT})}),
        "Id": record({"Id": ID}),
        "Exec": record(
            {
                "ID": ID,
                "ContainerID": ID,
                "DetachKeys": TEXT,
                **_flags("Running OpenStdin OpenStdout OpenStderr CanRemove"),
                "ExitCode": nullable(WHOLE),
                "Pid": WHOLE,
                "ProcessConfig": record(
                    {"tty": FLAG, "entrypoint": TEXT, "arguments": listing(TEXT), "privileged": FLAG}, {"user": TEXT}
                ),
            }
        ),
    }


def _stats() -> Schema:
    processor = record(
        {
            "cpu_usage": record(
                _wholes("total_usage usage_in_kernelmode usage_in_usermode"), {"percpu_usage": listing(WHOLE)}
            ),
            "throttling_data": record(_wholes("periods throttled_periods throttled_time")),
        },
        _wholes("system_cpu_usage online_cpus"),
    )
    counts = nullable(listing(record({**_wholes("major minor value"), "op": TEXT})))
    lists = """io_service_bytes_recursive io_serviced_recursive io_queue_recursive io_service_time_recursive
        io_wait_time_recursive io_merged_recursive io_time_recursive sectors_recursive"""
    return record(
        {
            "name": TEXT,
            "id": ID,
            "read": TIME,
            "preread": TIME,
            "pids_stats": record({}, _wholes("current limit")),
            "blkio_stats": record(dict.fromkeys(lists.split(), counts)),
            "num_procs": WHOLE,
            "storage_stats": {"type": "object"},
            "cpu_stats": processor,
            "precpu_stats": processor,
            "memory_stats": record({}, {**_wholes("usage limit max_usage failcnt"), "stats": mapping(WHOLE)}),
        },
        {"networks": mapping(mapping(WHOLE))},
    )


def _images() -> dict[str, Schema]:
    return {
        "Image": record(
            {
                "Id": IMAGE_ID,
                "RepoTags": listing(TEXT),
                "RepoDigests": listing(TEXT),
                **_texts("Parent Comment DockerVersion Author Architecture Os"),
                "Created": TIME,
                "Config": {"type": "object"},
                "Size": WHOLE,
                "GraphDriver": record({"Name": TEXT, "Data": nullable(mapping(TEXT))}),
                "RootFS": record({"Type": {"const": "layers"}, "Layers": listing(IMAGE_ID)}),
                "Metadata": record({"LastTagTime": TIME}),
            },
            {"Variant": TEXT, "VirtualSize": WHOLE, "Container": TEXT, "ContainerConfig": {"type": "object"}},
        ),
        "ImageItem": record(
            {
                "Id": IMAGE_ID,
                "ParentId": TEXT,
                "RepoTags": listing(TEXT),
                "RepoDigests": listing(TEXT),
                **_wholes("Created Size SharedSize Containers"),
                "Labels": nullable(mapping(TEXT)),
            },
            {"VirtualSize": WHOLE},
        ),
        "HistoryRow": record(
            {**_texts("Id CreatedBy Comment"), **_wholes("Created Size"), "Tags": nullable(listing(TEXT))}
        ),
        "Found": record({"name": TEXT, "description": TEXT, "star_count": WHOLE, **_flags("is_official is_automated")}),
        "Distribution": record(
            {
                "Descriptor": record({"mediaType": TEXT, "digest": IMAGE_ID, "size": WHOLE}),
                "Platforms": listing({"type": "object"}),
            }
        ),
        "BuildPruned": record({"CachesDeleted": {"type": "null"}, "SpaceReclaimed": WHOLE}),
        "LoggedIn": record(_texts("Status IdentityToken")),
        "Removed": record({}, _texts("Untagged Deleted")),
        "ImagesPruned": record({"ImagesDeleted": nullable(listing(ref("Removed"))), "SpaceReclaimed": WHOLE}),
        "Progress": record(
            {},
            {
                **_texts("status id stream progress error"),
                "progressDetail": record({}, _wholes("current total")),
                "errorDetail": record({"message": TEXT}),
            },
        ),
    }


def _system() -> dict[str, Schema]:
    details = _texts("ApiVersion Arch BuildTime GitCommit GoVersion KernelVersion MinAPIVersion Os")
    commit = record({"ID": TEXT})
    texts = """ID Driver SystemTime LoggingDriver CgroupDriver CgroupVersion KernelVersion OperatingSystem OSVersion
        OSType Architecture IndexServerAddress DockerRootDir HttpProxy HttpsProxy NoProxy Name ServerVersion
        DefaultRuntime Isolation InitBinary"""
    wholes = """Containers ContainersRunning ContainersPaused ContainersStopped Images NFd NGoroutines NEventsListener
        NCPU MemTotal"""
    flags = """MemoryLimit SwapLimit CpuCfsPeriod CpuCfsQuota CPUShares CPUSet PidsLimit IPv4Forwarding OomKillDisable
        Debug ExperimentalBuild LiveRestoreEnabled"""
    return {
        "Error": record({"message": {"type": "string", "minLength": 1}}),
        "Version": record(
            {
                "Platform": record({"Name": TEXT}),
                "Components": listing(
                    record({**_texts("Name Version"), "Details": record({**details, "Experimental": TEXT})})
                ),
                "Version": TEXT,
                **details,
            }
        ),
        "Info": record(
            {
                **_texts(texts),
                **_wholes(wholes),
                **_flags(flags),
                "DriverStatus": listing(listing(TEXT)),
                "Plugins": record(
                    {**dict.fromkeys(("Volume", "Network", "Log"), listing(TEXT)), "Authorization": {"type": "null"}}
                ),
                "RegistryConfig": {"type": "object"},
                "GenericResources": {"type": "null"},
                "Labels": listing(TEXT),
                "Runtimes": mapping(record({"path": TEXT}, {"runtimeArgs": listing(TEXT)})),
                "Swarm": {"type": "object"},
                "ContainerdCommit": commit,
                "RuncCommit": commit,
                "InitCommit": commit,
                "SecurityOptions": listing(TEXT),
                "CDISpecDirs": listing(TEXT),
                "Warnings": nullable(listing(TEXT)),
            }
        ),
        "Event": record(
            {
                **_texts("Type Action scope"),
                "Actor": record({"ID": TEXT, "Attributes": mapping(TEXT)}),
                **_wholes("time timeNano"),
            },
            _texts("status id from"),
        ),
        "Network": record(
            {
                **_texts("Name Id Scope Driver"),
                "Created": TIME,
                **_flags("EnableIPv4 EnableIPv6 Internal Attachable Ingress ConfigOnly"),
                "IPAM": record(
                    {"Driver": TEXT, "Options": nullable(mapping(TEXT)), "Config": listing(ref("AddressPool"))}
                ),
                "ConfigFrom": record({"Network": TEXT}),
                "Containers": mapping(record(_texts("Name EndpointID MacAddress IPv4Address IPv6Address"))),
                "Options": mapping(TEXT),
                "Labels": mapping(TEXT),
            }
        ),
        "AddressPool": model_schema(Pool),
        "CreatedNetwork": record({"Id": ID, "Warning": TEXT}),
        "NetworksPruned": record({"NetworksDeleted": listing(TEXT)}),
        "Volumes": record({"Volumes": listing(ref("Volume")), "Warnings": nullable(listing(TEXT))}),
        "Volume": record(
            {
                "CreatedAt": TIME,
                **_texts("Name Mountpoint"),
                "Driver": {"const": "local"},
                "Scope": {"const": "local"},
                "Labels": nullable(mapping(TEXT)),
                "Options": nullable(mapping(TEXT)),
            },
            {"UsageData": record(_wholes("Size RefCount"))},
        ),
        "VolumesPruned": record({"VolumesDeleted": listing(TEXT), "SpaceReclaimed": WHOLE}),
    }


def reply_schemas() -> dict[str, Schema]:
    """All of them, by the names that routes use."""
    return {**_system(), **_containers(), **_images()}
