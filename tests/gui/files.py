"""Drags files out of a file manager that nobody here wrote, with a real pointer, and drops them on a window.

Needs (Debian): pcmanfm libatk-adaptor libgail-common. The file manager speaks XDND as any other GTK program does.
"""

import os
import subprocess

import atspi

# Where the file manager stands, and how large it is: it leaves the left of the window under test free.
SIZE = (460, 320)


class FileManager:
    """A file manager that shows one folder."""

    def __init__(self, folder, patience):
        environment = dict(os.environ, GTK_MODULES="gail:atk-bridge")
        self.process = subprocess.Popen(["pcmanfm", folder], env=environment)
        self.window = atspi.Window(self.process, patience)
        self.place()

    def place(self):
        """Moves it into the corner of the screen."""
        width, height = map(int, os.environ.get("LINESMAN_SCREEN", "1600x1000").split("x"))
        ours = self.window.wait_for(self.shown, "the window of the file manager")
        atspi.xdotool("windowsize", "--sync", ours, *SIZE)
        atspi.xdotool("windowmove", "--sync", ours, width - SIZE[0] - 10, height - SIZE[1] - 10)
        atspi.xdotool("windowactivate", "--sync", ours)

    def shown(self):
        """The id of its window, once it is shown."""
        search = ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid), "--class", "pcmanfm"]
        found = subprocess.run(search, capture_output=True, text=True, timeout=20, check=False).stdout.split()
        return found[0] if found else None

    def take(self, names):
        """Selects files and begins to drag them."""
        for at, name in enumerate(names if len(names) > 1 else ()):
            self.point_at(name)
            if at > 0:
                atspi.xdotool("keydown", "ctrl", "click", 1, "keyup", "ctrl")
            else:
                atspi.xdotool("click", 1)
            self.window.wait_for(lambda name=name: self.is_selected(name), f"{name} to be selected")
        # Not where the last click was: a second one there would open the file.
        self.point_at(names[0])
        atspi.xdotool("mousedown", 1)
        self.window.wait_for(lambda: self.is_selected(names[0]), f"{names[0]} to be selected")

    def point_at(self, name):
        """Moves the pointer onto the icon of a file."""
        left, top, width, _ = self.window.wait_for(lambda: self.icon_place(name), f"the icon of {name}")
        # The picture of a file is above its name.
        atspi.xdotool("mousemove", left + width // 2, top + 20)

    def icon(self, name):
        """The icon of a file."""
        icons = (node for node, _ in self.window.nodes() if node.get_role_name() == "icon")
        return next((node for node in icons if atspi.value(node) == name), None)

    def icon_place(self, name):
        """Where that icon is."""
        icon = self.icon(name)
        return atspi.bounds(icon) if icon is not None else None

    def is_selected(self, name):
        """Whether a file is selected."""
        node = self.icon(name)
        return node is not None and node.get_state_set().contains(atspi.Atspi.StateType.SELECTED)

    def close(self):
        """Ends it; it takes no notice of a gentler signal."""
        self.process.kill()
        self.process.wait(20)


def drag(names, manager, window, hint):
    """Drags files of a file manager over a window, waits until that says what it would do with them, and lets go."""
    left, top, width, height = window.frame()
    manager.take(names)
    # A source begins to drag only after some way, and tells its target of each move.
    for part in range(1, 11):
        atspi.xdotool("mousemove_relative", "--", -3 * part, -2)
    atspi.xdotool("mousemove", left + width // 3, top + height // 3)
    atspi.xdotool("mousemove_relative", "--", 2, 2)
    try:
        window.find(hint)
    finally:
        atspi.xdotool("mouseup", 1)
