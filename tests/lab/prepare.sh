#!/usr/bin/env bash
# Builds what the Bluetooth lab runs on, once: qemu, a kernel, the guest's root as an initramfs, two Python environments.
#
#   tests/lab/prepare.sh        into $LINESMAN_LAB_DIR, else target/lab; does nothing when that is up to date
#
# Everything comes from this machine's Debian packages (signatures checked by apt) and from PyPI (versions and hashes
# pinned). Nothing is installed on the machine and no root is needed: packages are unpacked, not configured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=$PWD/tests/lab
lab=${LINESMAN_LAB_DIR:-$PWD/target/lab}
mkdir -p "$lab"
lab=$(cd "$lab" && pwd)

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }
refuse() { echo "$*" >&2; exit 2; }

for tool in apt-get dpkg-deb python3 tar; do
  command -v "$tool" >/dev/null || refuse "$tool is missing; the lab is made from Debian packages"
done
[ "$(uname -m)" = x86_64 ] || refuse "the lab is an x86-64 machine; this is $(uname -m)"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  refuse "Python 3.11 with venv is missing (Debian: apt install python3-venv)"

exec 9>"$lab/lock"
flock 9
wanted=$({ cat "$here"/prepare.sh "$here"/requirements-*.txt; python3 --version; cat /etc/os-release; } | sha256sum)
if [ "$(cat "$lab/prepared" 2>/dev/null)" = "$wanted" ]; then
  say "The lab in $lab is up to date"
  exit 0
fi
rm -rf "$lab"/{prepared,apt,qemu,guest,host,kernel,vmlinux,initrd,pip}

# apt with lists, cache and an empty status file of its own: a package's whole closure is seen, the machine is untouched.
mkdir -p "$lab"/apt/{lists,cache/archives}/partial
: >"$lab/apt/status"
apt=(-qq -o "Dir::State::Lists=$lab/apt/lists" -o "Dir::State::status=$lab/apt/status"
  -o "Dir::Cache=$lab/apt/cache" -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1)
say "package lists"
apt-get "${apt[@]}" update

# Unpacks packages and what they depend on into a folder: unpack FOLDER PATTERN-OF-PACKAGES-LEFT-OUT PACKAGE...
unpack() {
  local folder=$1 without=$2 package
  shift 2
  apt-get "${apt[@]}" --yes --no-install-recommends --download-only install "$@" >/dev/null
  mkdir -p "$folder"/usr/{bin,sbin,lib,lib64}
  for package in bin sbin lib lib64; do ln -s "usr/$package" "$folder/$package"; done
  for package in "$lab"/apt/cache/archives/*.deb; do
    [[ ${package##*/} =~ ^($without) ]] || dpkg-deb --fsys-tarfile "$package" |
      tar -x -C "$folder" --keep-directory-symlink --no-same-owner \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
  done
  rm "$lab"/apt/cache/archives/*.deb
}
say "qemu"
unpack "$lab/qemu" 'perl|dpkg|tar|ipxe|iso-codes' qemu-system-x86
say "guest"
unpack "$lab/guest" 'perl|dpkg|tar_|adduser|udev|usrmerge|gcc-|debconf|libperl|passwd|media-types' \
  dbus bluez busybox-static kmod python3 ca-certificates libdbus-1-3

say "kernel"
kernel=$(apt-cache "${apt[@]}" depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -1)
(cd "$lab/apt" && apt-get "${apt[@]}" download "linux-image-$kernel")
mkdir "$lab/kernel"
dpkg-deb --fsys-tarfile "$lab"/apt/linux-image-*.deb | tar -x -C "$lab/kernel" --no-same-owner --wildcards \
  './boot/vmlinuz-*' './*/modules.*' './*/kernel/'{arch/x86/crypto,crypto,lib,net/bluetooth,net/rfkill}'/*' \
  './*/kernel/drivers/'{virtio,char,bluetooth,tty}'/*'
[ -d "$lab/kernel/usr/lib" ] && mv "$lab/kernel/usr/lib" "$lab/kernel/lib"
# The kernel inside the boot image starts through PVH; without KVM that saves seconds of emulated decompression.
python3 - "$lab"/kernel/boot/vmlinuz-* "$lab/vmlinux" <<'PYTHON'
import lzma, struct, sys

image = open(sys.argv[1], "rb").read()
start = (image[0x1F1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
payload = image[start : start + struct.unpack_from("<I", image, 0x24C)[0]]
is_xz = payload[:6] == b"\xfd7zXZ\0"
open(sys.argv[2], "wb").write(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload) if is_xz else image)
PYTHON
# Only the modules needed, in the order in which they are to be loaded. Pairing draws its keys from drbg and what that uses.
kmod_as() { (exec -a "$1" "$lab/guest/usr/bin/kmod" "${@:2}"); }
kmod_as depmod -b "$lab/kernel" "$kernel"
mkdir "$lab/guest/modules"
number=10
kmod_as modprobe -d "$lab/kernel" -S "$kernel" -a --show-depends \
  virtio_pci virtio_console virtio_rng algif_hash algif_skcipher cmac ecb ctr hmac sha256_generic sha512_generic \
  jitterentropy_rng drbg hci_uart |
  awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
  case $module in
    *.xz) xz -dc "$module" >"$lab/guest/modules/$number-$(basename "$module" .xz)" ;;
    *) cp "$module" "$lab/guest/modules/$number-${module##*/}" ;;
  esac
  number=$((number + 1))
done

say "Python environments"
python3 -m venv "$lab/host"
pip=("$lab/host/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary ':all:'
  --no-compile)
"${pip[@]}" -r "$here/requirements-host.txt"
guest_python=$(readlink "$lab/guest/usr/bin/python3")
"${pip[@]}" --target "$lab/guest/opt/site" --implementation cp --python-version "${guest_python#python}" -r "$here/requirements-guest.txt"
# Debian compiles Python's library when it installs it. Here nothing is installed, and an emulated guest compiles slowly.
# The cache must not depend on times, which the initramfs may lose.
PYTHONHOME=$lab/guest/usr "$lab/guest/lib64/ld-linux-x86-64.so.2" --library-path "$(echo "$lab"/guest/usr/lib/*-linux-gnu)" \
  "$lab/guest/usr/bin/$guest_python" -m compileall -q -j 2 --invalidation-mode unchecked-hash \
  "$lab/guest/usr/lib/$guest_python" "$lab/guest/opt/site" >/dev/null || true

say "initramfs"
cd "$lab/guest"
mkdir -p dev proc sys run tmp root etc/bluetooth var/lib/bluetooth
ln -s /run var/run
printf 'root:x:0:0::/root:/bin/sh\nmessagebus:x:101:101::/:/bin/false\n' >etc/passwd
printf 'root:x:0:\nmessagebus:x:101:\nbluetooth:x:102:\n' >etc/group
ln -sf busybox bin/sh
printf '[General]\nControllerMode = le\n[Policy]\nAutoEnable = true\n' >etc/bluetooth/main.conf
find . -path ./usr/share/icons -prune -o -print | bin/busybox cpio -o -H newc 2>/dev/null >"$lab/initrd"
cd "$lab"
rm -rf apt kernel
printf '%s' "$wanted" >prepared
say "The lab is ready in $lab: $(du -sh "$lab" | cut -f1), initramfs $(du -h initrd | cut -f1), kernel $kernel"
