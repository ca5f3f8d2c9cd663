# SPDX-License-Identifier: MIT
"""
A guest that lives on a disk: an initramfs with the disk's drivers, and a root file system.

The initramfs loads kernel modules and goes on in `root=` of the kernel's command line. Which modules there are in which
order is read from the modules themselves: each names those that it needs (`depends=` in its section .modinfo), and what the
kernel has built in is listed in modules.builtin. Debian's packages have no modules.dep: that is made at installation.

The root file system is an ext4 image of ROOT_SIZE, sparse, made from a folder by mke2fs without any right. Owners, times
and identifiers are set, so the same busybox gives the same files; the program `load` in it is the guest's own proof
that its disk keeps what was written.
"""
import os
import shutil
import subprocess

WANTED_MODULES = ("virtio_pci", "virtio_blk", "ext4")
ROOT_SIZE = "64M"
ROOT_UUID = "7e55e4a0-0004-4000-8000-000000000001"
HASH_SEED = "7e55e4a0-0004-4000-8000-000000000002"
EPOCH = 1767225600  # 2026-01-01, what the monitor's clock shows by default

INIT = """#!/bin/busybox sh
# First program of the guest. It loads the drivers of the disk, mounts root= of the kernel's command line, and goes on there.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
give_up()
{
    echo "tessera-guest: $*"
    exec sh
}
for module in $(cat /lib/modules/order); do
    insmod "/lib/modules/$module.ko" || give_up "cannot load the module $module"
done
root= mode=ro type=ext4
for word in $(cat /proc/cmdline); do
    case "$word" in
    root=*) root=${word#root=} ;;
    rootfstype=*) type=${word#rootfstype=} ;;
    ro | rw) mode=$word ;;
    esac
done
[ -n "$root" ] || give_up "the kernel's command line has no root="
tries=0
until [ -b "$root" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || give_up "there is no disk $root"
    sleep 0.1
done
mount -t "$type" -o "$mode" "$root" /root || give_up "cannot mount $root"
for folder in dev proc sys; do mount --move "/$folder" "/root/$folder"; done
exec busybox switch_root /root /sbin/init
"""

ROOT_INIT = """#!/bin/busybox sh
# The guest's first program on its disk: says that it is there, does what the kernel's command line wants (`run=PROGRAM,ARGUMENT,...`, any
# number of them; a disk as PROGRAM holds one), and keeps a shell on the console.
mount -t tmpfs tmpfs /tmp
read uptime idle </proc/uptime
echo "tessera-guest: root on $(sed -n 's|^\\([^ ]*\\) / ext4 .*|\\1|p' /proc/mounts), uptime $uptime"
cd /
export HOME=/root HISTFILE= ENV=/etc/shell
run()
{
    IFS=,
    set -- $1
    unset IFS
    if [ -b "$1" ]; then
        cat "$1" >/tmp/program && chmod +x /tmp/program
        shift
        set -- /tmp/program "$@"
    fi
    case "$1" in
    poweroff | reboot | halt) "/sbin/$1" ;;
    *) "$@" ;;
    esac
    echo "tessera-guest: $* ended with $?"
}
for word in $(cat /proc/cmdline); do
    case "$word" in
    run=*) run "${word#run=}" ;;
    esac
done
while :; do
    setsid cttyhack sh
done
"""

# There is no init daemon: who switches off leaves the file system clean first. SysRq-u is the kernel's own way to do that, for
# the case that somebody still has a file open for writing.
ROOT_POWEROFF = """#!/bin/busybox sh
sync
mount -o remount,ro / 2>/dev/null || { echo u >/proc/sysrq-trigger; sleep 1; }
exec busybox %s -f
"""

# The shell would find its own applets first.
SHELL_START = "".join(f"alias {name}=/sbin/{name}\n" for name in ("poweroff", "reboot", "halt"))

LOAD = """#!/bin/busybox sh
# load [FILES [KIB [FOLDER]]]: writes FILES files of KIB KiB, makes them durable, reads them back from the disk, and compares.
# Half of them are written, synchronised, and then written again in their middle, or renamed.
files=${1:-16} kib=${2:-256} folder=${3:-/var/load}
fail()
{
    echo "load: FAILED: $*"
    exit 1
}
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || fail "cannot make $folder"
n=0
while [ "$n" -lt "$files" ]; do
    dd if=/dev/urandom of="file.$n" bs=1024 count="$kib" 2>/dev/null || fail "write of file $n"
    [ $((n % 4)) -ne 1 ] || { sync && mv "file.$n" "renamed.$n"; } || fail "rename of file $n"
    [ $((n % 4)) -ne 3 ] || { sync && dd if=/dev/urandom of="file.$n" bs=1000 seek=7 count=11 conv=notrunc 2>/dev/null; } ||
        fail "second write of file $n"
    n=$((n + 1))
done
md5sum file.* renamed.* 2>/dev/null >"/tmp/sums.$$"
cp "/tmp/sums.$$" sums
sync || fail "sync"
echo 3 >/proc/sys/vm/drop_caches
[ "$(wc -l <sums)" -eq "$files" ] || fail "$(wc -l <sums) sums of $files"
cmp -s sums "/tmp/sums.$$" || fail "the list of sums has changed"
md5sum -c sums >"/tmp/result.$$" 2>&1 || { grep -v OK "/tmp/result.$$"; fail "contents differ"; }
rm -f file.0
sync
echo "load: ok, $files files of $kib KiB verified"
"""

LINKS = ("bin/sh bin/cat bin/ls bin/mount bin/umount bin/uname bin/ps bin/dmesg bin/echo bin/sleep bin/grep bin/dd bin/vi "
         "bin/sync bin/df bin/cp bin/mv bin/rm usr/bin/env usr/bin/md5sum usr/bin/sha256sum usr/bin/top usr/bin/free "
         "sbin/blockdev sbin/mkfs.ext2").split()


class DiskError(Exception):
    """For the user."""


# ---- kernel modules ----

def normal(name):
    return name.replace("-", "_")


def module_files(root):
    """name -> path of all modules of the package."""
    found = {}
    for folder, _, names in os.walk(os.path.join(root, "lib", "modules")):
        for name in names:
            if name.endswith(".ko"):
                found[normal(name[:-3])] = os.path.join(folder, name)
    return found


def built_in(root):
    for folder, _, names in os.walk(os.path.join(root, "lib", "modules")):
        if "modules.builtin" in names:
            with open(os.path.join(folder, "modules.builtin"), encoding="utf-8") as file:
                return {normal(os.path.basename(line.strip())[:-3]) for line in file}
    raise DiskError("the kernel package has no modules.builtin: has Debian changed its layout?")


def needs(data):
    """`depends=a,b` stands among the zero-terminated strings of .modinfo; nothing else begins so."""
    at = data.find(b"\0depends=")
    if at < 0:
        return []
    text = data[at + 9:data.index(b"\0", at + 9)].decode()
    return [normal(name) for name in text.split(",") if name]


def modules(root):
    """[(name, data)] of WANTED_MODULES and what they need, in the order in which they must be loaded."""
    files, inside = module_files(root), built_in(root)
    ordered = []

    def add(name, trail):
        if name in inside or any(name == other for other, _ in ordered):
            return
        if name not in files or name in trail:
            raise DiskError(f"the kernel package has no module '{name}'"
                            + (f", which {trail[-1]} needs" if trail else ""))
        with open(files[name], "rb") as file:
            data = file.read()
        for other in needs(data):
            add(other, trail + [name])
        ordered.append((name, data))

    for name in WANTED_MODULES:
        add(name, [])
    return ordered


def fill_initramfs(archive, kernel_root):
    """What the initramfs of a guest without disk has not. `archive` has busybox and the folders already."""
    loaded = modules(kernel_root)
    for folder in ("lib", "lib/modules"):
        archive.directory(folder)
    for name, data in loaded:
        archive.file(f"lib/modules/{name}.ko", data)
    archive.file("lib/modules/order", "".join(name + "\n" for name, _ in loaded).encode())
    archive.file("init", INIT.encode(), 0o755)


# ---- root file system ----

def root_files():
    """path -> (mode, contents) of everything but busybox and links."""
    files = {"sbin/init": (0o755, ROOT_INIT), "usr/bin/load": (0o755, LOAD),
             "etc/passwd": (0o644, "root::0:0:root:/root:/bin/sh\n"), "etc/group": (0o644, "root:x:0:\n"),
             "etc/fstab": (0o644, ""), "etc/shell": (0o644, SHELL_START)}
    for name in ("poweroff", "reboot", "halt"):
        files["sbin/" + name] = (0o755, ROOT_POWEROFF % name)
    return files


def stage(folder, busybox):
    """The tree as it shall be, but for owners."""
    for name in ("bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var"):
        os.makedirs(os.path.join(folder, name))
    shutil.copyfile(busybox, os.path.join(folder, "bin/busybox"))
    os.chmod(os.path.join(folder, "bin/busybox"), 0o755)
    for name in LINKS:
        os.symlink("/bin/busybox", os.path.join(folder, name))
    for name, (mode, text) in root_files().items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
    names = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in folders:
            os.chmod(os.path.join(parent, name), 0o755)
        for name in sorted(folders + files):
            path = os.path.join(parent, name)
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
            names.append(os.path.relpath(path, folder))
    return names


def run(command, text=None):
    environment = dict(os.environ, LC_ALL="C", E2FSPROGS_FAKE_TIME=str(EPOCH),
                       PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise DiskError(f"'{command[0]}' is not installed: run tool/deps") from error
    if done.returncode != 0:
        raise DiskError(f"{command[0]} failed\n    {done.stderr.strip()}")
    return done


def build_root(image, work, busybox):
    """mke2fs copies the owners of the folder's files, and when they were made here; debugfs makes all of it root's."""
    folder = os.path.join(work, "root")
    os.makedirs(folder)
    names = stage(folder, busybox)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "tessera", "-U", ROOT_UUID, "-m", "0",
         "-E", f"root_owner=0:0,hash_seed={HASH_SEED},lazy_itable_init=0", "-d", folder, image, ROOT_SIZE])
    fields = {"uid": 0, "gid": 0, "ctime": f"@{EPOCH}", "ctime_extra": 0, "atime": f"@{EPOCH}", "atime_extra": 0}
    commands = "".join(f"sif /{name} {field} {value}\n" for name in names for field, value in fields.items())
    run(["debugfs", "-w", "-f", "-", image], commands)
    run(["e2fsck", "-fn", image])
