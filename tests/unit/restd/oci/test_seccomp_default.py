from restd.oci import seccomp
from restd.oci.seccomp_default import profile


def names(rules: list[dict[str, object]]) -> set[str]:
    found: set[str] = set()
    for rule in rules:
        if rule["action"] == "SCMP_ACT_ALLOW":
            found.update(rule["names"])  # type: ignore[arg-type]  # a list of names, see Docker's format
    return found


def test_everything_is_refused_that_is_not_named() -> None:
    assert profile()["defaultAction"] == "SCMP_ACT_ERRNO"
    assert profile()["defaultErrnoRet"] == 1


def test_ordinary_programs_find_what_they_need_and_no_more() -> None:
    unconditional = names(profile()["syscalls"][:1])
    assert {"read", "execve", "futex", "openat2", "statx", "rseq"} <= unconditional
    assert not unconditional & {"mount", "bpf", "ptrace", "io_uring_setup", "keyctl", "kexec_load", "userfaultfd"}


def test_no_name_stands_twice_in_a_rule() -> None:
    for rule in profile()["syscalls"]:
        assert len(rule["names"]) == len(set(rule["names"]))


def test_the_profile_is_valid_in_dockers_own_format() -> None:
    import json

    assert seccomp.parse(json.dumps(profile())) == profile()
