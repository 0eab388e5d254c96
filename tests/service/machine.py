"""A machine of its own for the tests of the service: Debian with systemd, emulated by QEMU.

    python -m tests.service.machine [OPTIONS OF PYTEST]

Needs root (for mmdebstrap and the files' owners), `mmdebstrap`, `qemu-system-x86_64`, and a mirror
of Debian. What is downloaded once is kept in `.machine`. The machine has no network; what the tests
print comes over its serial line.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
KEPT = PROJECT / ".machine"
DEBIAN = "bookworm"
PYTHON = "3.11"  # bookworm's
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = (
    "systemd-sysv dbus udev linux-image-cloud-amd64 initramfs-tools kmod procps "
    "python3 python3-venv nodejs bubblewrap"
).split()
BOOT_S = 1_200
DISK_BYTES = 4 << 30
DONE = re.compile(r"tests ended with (\d+)")

UNIT = """[Unit]
Description=The tests of the service
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
WorkingDirectory=/srv/project
ExecStart=/bin/sh /srv/tests.sh
ExecStopPost=+/bin/systemctl --no-block poweroff
"""

SCRIPT = """
/opt/tests/bin/python -m pytest -c /dev/null -p no:cacheprovider --color no -ra \\
  {options} tests/service/test_unit.py
echo tests ended with $?
"""


def main() -> None:
    """Build it, boot it, and end with the status of the tests in it."""
    KEPT.mkdir(exist_ok=True)
    system = KEPT / f"{DEBIAN}.tar"
    if not system.exists():
        build_system(system)
    with tempfile.TemporaryDirectory(dir=KEPT) as place:
        sys.exit(boot(*image(system, Path(place))))


def build_system(system: Path) -> None:
    """Debian, without anything of ours."""
    unfinished = system.with_suffix(".part.tar")
    run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", DEBIAN,
        unfinished, MIRROR)  # fmt: skip
    unfinished.rename(system)


def image(system: Path, place: Path) -> tuple[Path, Path, Path]:
    """The kernel, its first file system, and the disk, with broker and the tests on it."""
    root, wheels = place / "root", place / "wheels"
    root.mkdir()
    run("tar", "--extract", "--file", system, "--directory", root)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, PROJECT)
    (ours,) = wheels.iterdir()
    run(*pip, "download", "--dest", wheels, "--only-binary=:all:", "--python-version", PYTHON,
        "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64",
        "--platform", "manylinux_2_17_x86_64", ours, "pytest", "httpx")  # fmt: skip
    shutil.copytree(wheels, root / "srv" / "wheels")
    for environment, packages in (
        ("event-broker", ["event-broker"]),
        ("tests", ["pytest", "httpx"]),
    ):
        inside = ["/usr/bin/env", "--ignore-environment", "/usr/sbin/chroot", root]
        run(*inside, "/usr/bin/python3", "-m", "venv", f"/opt/{environment}")
        run(*inside, f"/opt/{environment}/bin/pip", "--quiet", "install", "--no-index",
            "--find-links", "/srv/wheels", *packages)  # fmt: skip
    for directory in ("config", "tests/service"):
        shutil.copytree(PROJECT / directory, root / "srv" / "project" / directory)
    (root / "etc" / "fstab").write_text("/dev/vda / ext4 rw 0 0\n")
    units = root / "etc" / "systemd" / "system"
    (units / "serial-getty@ttyS0.service").symlink_to("/dev/null")
    (units / "tests.service").write_text(UNIT)
    (root / "srv" / "tests.sh").write_text(SCRIPT.format(options=shlex.join(sys.argv[1:])))
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants" / "tests.service").symlink_to("../tests.service")
    disk = place / "disk"
    with open(disk, "wb") as file:
        file.truncate(DISK_BYTES)
    run("mke2fs", "-q", "-t", "ext4", "-d", root, disk)
    (kernel,), (initrd,) = (list((root / "boot").glob(name)) for name in ("vmlinuz-*", "initrd*"))
    return kernel, initrd, disk


def boot(kernel: Path, initrd: Path, disk: Path) -> int:
    """Until it has switched itself off; the status of the tests."""
    machine = subprocess.Popen(
        ["qemu-system-x86_64", "-machine", "accel=tcg", "-cpu", "max", "-smp", "2", "-m", "2048",
         "-nographic", "-no-reboot", "-nic", "none",
         "-kernel", kernel, "-initrd", initrd,
         "-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0",
         "-drive", f"file={disk},format=raw,if=virtio"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert machine.stdout is not None
    status = 1
    for line in machine.stdout:
        text = line.decode(errors="replace").rstrip()
        print(text, flush=True)
        if found := DONE.search(text):
            status = int(found[1])
    machine.wait(BOOT_S)
    return status


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True)


if __name__ == "__main__":
    main()
