import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.oci.capabilities import DEFAULT
from restd.oci.seccomp import default, parse, resolve

KERNEL = (6, 1)


def allowed(profile: dict[str, Any]) -> set[str]:
    return {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def test_a_capability_brings_its_system_calls() -> None:
    assert "mount" not in allowed(default(DEFAULT, "x86_64", KERNEL))
    assert "mount" in allowed(default((*DEFAULT, "CAP_SYS_ADMIN"), "x86_64", KERNEL))
    assert "chroot" in allowed(default(("CAP_SYS_CHROOT",), "x86_64", KERNEL))


def test_without_sys_admin_clone_makes_no_namespaces_and_clone3_is_unknown() -> None:
    rules = default(DEFAULT, "x86_64", KERNEL)["syscalls"]
    clone = [rule for rule in rules if rule["names"] == ["clone"]]
    assert [argument["op"] for argument in clone[0]["args"]] == ["SCMP_CMP_MASKED_EQ"]
    assert [rule["errnoRet"] for rule in rules if rule["names"] == ["clone3"]] == [38]


def test_architectures_come_with_those_of_the_same_kernel() -> None:
    assert default(DEFAULT, "x86_64", KERNEL)["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert default(DEFAULT, "aarch64", KERNEL)["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert "arch_prctl" in allowed(default(DEFAULT, "x86_64", KERNEL))
    assert "arch_prctl" not in allowed(default(DEFAULT, "aarch64", KERNEL))


def test_an_architecture_that_the_kernel_can_not_run_is_left_out() -> None:
    made = default(DEFAULT, "x86_64", KERNEL, frozenset({"SCMP_ARCH_X32"}))
    assert made["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]


def test_old_kernels_do_not_get_ptrace() -> None:
    assert "ptrace" in allowed(default(DEFAULT, "x86_64", (4, 8)))
    assert "ptrace" not in allowed(default(DEFAULT, "x86_64", (4, 7)))


def test_conditions_are_resolved_and_left_out() -> None:
    profile = default(DEFAULT, "x86_64", KERNEL)
    assert not any({"includes", "excludes", "comment"} & rule.keys() for rule in profile["syscalls"])
    assert "archMap" not in profile


def test_the_older_form_with_one_name_is_understood() -> None:
    profile = parse('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"chmod","action":"SCMP_ACT_ERRNO"}]}')
    assert resolve(profile, (), "x86_64", KERNEL)["syscalls"] == [{"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"defaultAction":"NO"}',
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":"all"}',
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"]}]}',
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[1],"action":"SCMP_ACT_ALLOW"}]}',
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}',
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","action":"SCMP_ACT_ALLOW","args":[{}]}]}',
        '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"action":"SCMP_ACT_LOG","includes":{"minKernel":"new"}}]}',
        '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{}]}',
        " " * ((1 << 20) + 1),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["names", "name", "action", "args", "includes", "excludes", "index", "op", "caps"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3))
def test_no_json_makes_the_parser_fail_otherwise(rules: list[Any]) -> None:
    try:
        profile = parse(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
        resolve(profile, DEFAULT, "x86_64", KERNEL)
    except InvalidParameter:
        return
