#!/usr/bin/env python3
"""Measures the window from outside: first picture after the start, CPU at rest, memory, threads, size of the binary.

    cargo build --profile dist --locked
    python3 benches/window.py target/dist/linesman [starts]

It needs a display server without a screen and a window manager; on Debian and Ubuntu:
`apt-get install xvfb openbox libx11-6 libgl1 libgl1-mesa-dri libxcursor1 libxi6 libxkbcommon-x11-0`.
The program has no hook for this: the picture is looked at through X11, the rest is what Linux tells of a process.
"""

import ctypes
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REST = 10.0  # seconds at rest that are measured
SETTLE = 4.0  # seconds after the first picture until the window counts as at rest
PATCH = (400, 160)  # the corner of the window that is looked at: navigation, title and status
COLOURS = 16  # an empty window has one colour; text has many
GIVE_UP = 60.0


class XImage(ctypes.Structure):
    """The head of an XImage, as far as it is read here."""

    _fields_ = [(name, ctypes.c_int) for name in ("width", "height", "xoffset", "format")] + [
        ("data", ctypes.POINTER(ctypes.c_char)),
        *((name, ctypes.c_int) for name in ("byte_order", "unit", "bit_order", "pad", "depth", "bytes_per_line")),
    ]


class Display:
    """A connection to the display server: finds a window by its title and looks at its upper left corner."""

    def __init__(self, name):
        x11 = self.x11 = ctypes.CDLL("libX11.so.6")
        window, pointer = ctypes.c_ulong, ctypes.c_void_p
        x11.XOpenDisplay.restype = pointer
        x11.XDefaultRootWindow.argtypes, x11.XDefaultRootWindow.restype = [pointer], window
        x11.XFetchName.argtypes = [pointer, window, ctypes.POINTER(ctypes.c_char_p)]
        x11.XQueryTree.argtypes = [pointer, window, *[ctypes.c_void_p] * 4]
        x11.XGetGeometry.argtypes = [pointer, window, *[ctypes.c_void_p] * 7]
        x11.XGetImage.argtypes = [pointer, window, *[ctypes.c_int] * 2, *[ctypes.c_uint] * 2, ctypes.c_ulong, ctypes.c_int]
        x11.XGetImage.restype = ctypes.POINTER(XImage)
        x11.XDestroyImage.argtypes = [ctypes.POINTER(XImage)]
        x11.XFree.argtypes = [ctypes.c_void_p]
        # A window that is not there yet, or gone, is an answer and no reason to end.
        self.on_error = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(lambda *_: 0)
        x11.XSetErrorHandler(self.on_error)
        self.display = x11.XOpenDisplay(name.encode())
        if not self.display:
            sys.exit(f"the display {name} cannot be opened")
        self.root = x11.XDefaultRootWindow(self.display)

    def children(self, window):
        root, parent = ctypes.c_ulong(), ctypes.c_ulong()
        found, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        if not self.x11.XQueryTree(self.display, window, *map(ctypes.byref, (root, parent, found, count))):
            return []
        windows = [found[index] for index in range(count.value)]
        self.x11.XFree(found)
        return windows

    def title(self, window):
        name = ctypes.c_char_p()
        if not self.x11.XFetchName(self.display, window, ctypes.byref(name)):
            return ""
        return (name.value or b"").decode(errors="replace")

    def find(self, title):
        """The window with that beginning of its title, at the top or within the frame of the window manager."""
        for top in self.children(self.root):
            for window in [top, *self.children(top)]:
                if self.title(window).startswith(title):
                    return window
        return None

    def is_drawn(self, window):
        root, numbers = ctypes.c_ulong(), [ctypes.c_int() for _ in range(6)]
        if not self.x11.XGetGeometry(self.display, window, *map(ctypes.byref, (root, *numbers))):
            return False
        if numbers[2].value < PATCH[0] or numbers[3].value < PATCH[1]:
            return False
        image = self.x11.XGetImage(self.display, window, 0, 0, *PATCH, ctypes.c_ulong(-1).value, 2)
        if not image:
            return False
        octets = ctypes.string_at(image.contents.data, image.contents.bytes_per_line * PATCH[1])
        self.x11.XDestroyImage(image)
        return len({octets[at : at + 4] for at in range(0, len(octets), 4)}) >= COLOURS


def start(binary, arguments, display, data):
    """Starts the program; returns it with the seconds to its window and to the first picture in it."""
    began = time.monotonic()
    program = subprocess.Popen([binary, "--data-dir", data, *arguments])
    window = mapped = None
    while time.monotonic() - began < GIVE_UP and program.poll() is None:
        if window is None:
            window = display.find("Linesman")
            mapped = time.monotonic() - began
        elif display.is_drawn(window):
            return program, mapped, time.monotonic() - began
        time.sleep(0.002)
    program.kill()
    sys.exit(f"{binary} {' '.join(arguments)} showed nothing within {GIVE_UP:.0f} s (exit code {program.poll()})")


def stop(program):
    program.send_signal(signal.SIGINT)
    try:
        program.wait(10)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def cpu_by_thread(pid):
    """CPU time of each thread in nanoseconds, by its name and number."""
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            times[f"{name} {task.name}"] = int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # the thread ended meanwhile
    return times


def ticks(pid):
    """User and system time as `ps` and `top` count it, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status(pid):
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def at_rest(name, program):
    time.sleep(SETTLE)
    before, ticks_before, began = cpu_by_thread(program.pid), ticks(program.pid), time.monotonic()
    time.sleep(REST)
    took = time.monotonic() - began
    after, ticks_after = cpu_by_thread(program.pid), ticks(program.pid)
    spent = {thread: time - before.get(thread, 0) for thread, time in after.items()}
    milliseconds = sum(spent.values()) / 1e6
    facts = status(program.pid)
    megabytes = {key: int(facts[key].split()[0]) / 1024 for key in ("VmRSS", "RssAnon")}
    print(f"{name}, at rest for {took:.0f} s")
    print(f"  CPU            {milliseconds / took / 10:.2f} % of a core ({milliseconds:.1f} ms); ps counts {ticks_after - ticks_before:.2f} s")
    for thread, time_spent in sorted(spent.items(), key=lambda item: -item[1])[:4]:
        print(f"    {time_spent / 1e6:7.2f} ms  {thread}")
    print(f"  memory         RSS {megabytes['VmRSS']:.0f} MB, of it private and not from files {megabytes['RssAnon']:.0f} MB")
    print(f"  threads        {facts['Threads'].strip()}")


def measure(binary, starts, display, folder):
    size = os.path.getsize(binary)
    print(f"binary           {size} octets, {size / 1e6:.1f} MB")
    for name, arguments in (("window", []), ("demo", ["demo"])):
        times = []
        for number in range(starts):
            program, *seconds = start(binary, arguments, display, str(folder / name))
            if number:  # the first start fills the caches of the disk
                times.append(seconds)
            if number + 1 < starts:
                stop(program)
        mapped, drawn = zip(*times)
        for what, values in (("window there", mapped), ("first picture", drawn)):
            middle, ends = statistics.median(values), (min(values), max(values))
            print(f"{name + ': ' + what:<22} {middle * 1000:.0f} ms median of {len(values)} ({ends[0] * 1000:.0f} to {ends[1] * 1000:.0f})")
        at_rest(name, program)
        stop(program)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary, starts = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 11
    for needed in ("Xvfb", "openbox"):
        if not shutil.which(needed):
            sys.exit(f"{needed} is missing\n{__doc__}")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        name = ":" + os.fdopen(read).readline().strip()
        os.environ["DISPLAY"] = name
        os.environ.pop("WAYLAND_DISPLAY", None)
        manager = subprocess.Popen(["openbox", "--sm-disable"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        with tempfile.TemporaryDirectory() as folder:
            measure(binary, max(starts, 2), Display(name), Path(folder))
        manager.terminate()
        manager.wait()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
