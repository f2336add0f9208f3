"""Sees and uses a window as a person with a screen reader does: over the accessibility bus, by name and role.

Needs the system's Python with gi and the Atspi typelib (Debian: python3-gi gir1.2-atspi-2.0), and xdotool
for real keys.
"""

import os
import re
import struct
import subprocess
import time
import zlib

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

ROLES = {
    "button": {"push button", "toggle button", "button"},
    "choice": {"radio button", "check box", "toggle button", "push button", "button", "list item", "combo box"},
    "field": {"entry", "password text", "text"},
    "password": {"password text"},
    "tab": {"page tab"},
    "row": {"tree item", "list item", "table row"},
    "tree": {"tree", "tree table"},
    "picture": {"image", "icon", "drawing area"},
    "label": {"label", "static", "paragraph", "heading", "status bar", "alert", "text"},
}


class NotThere(Exception):
    """What was looked for did not show up in time."""


class NoAnswer(Exception):
    """A node has gone, or its program was too busy to say what can be done with it."""


class Window:
    """The windows of one application."""

    def __init__(self, process, patience=30.0):
        self.patience = patience
        self.process = process
        self.application = self._await(self._find_application, f"an application of process {process.pid}")

    # Finding

    def find(self, name, role=None, patience=None):
        """The node of that name (text, or compiled expression) and kind; waits until it is there."""
        return self._await(lambda: self._search(name, role), f"{role or 'node'} {_show(name)}", patience)

    def has(self, name, role=None):
        """Whether such a node is there now."""
        try:
            return self._search(name, role) is not None
        except GLib.Error:
            # The tree changed while we read it, or the program has ended.
            return False

    def wait_gone(self, name, role=None, patience=None):
        """Waits until no such node is left."""
        self._await(lambda: True if self._search(name, role) is None else None, f"the end of {_show(name)}", patience)

    def find_any(self, names, patience=None):
        """The first of several texts that shows up: (key, node)."""

        def search():
            for key, name in names.items():
                node = self._search(name, None)
                if node is not None:
                    return key, node
            return None

        return self._await(search, f"any of {[_show(name) for name in names.values()]}", patience)

    def nodes(self):
        """All nodes: (node, depth)."""
        self.application.clear_cache()
        yield from _walk(self.application, 0)

    def names(self):
        """The names of all nodes that have one, from top to bottom."""
        return [name for name in (node.get_name() for node, _ in self.nodes()) if name]

    def tree(self):
        """The tree as text, for people."""
        return "\n".join("  " * depth + describe(node) for node, depth in self.nodes())

    # Using

    def press(self, name, role="button", patience=None):
        """Presses what is called so, as soon as it can be pressed."""

        def try_press():
            node = self._search(name, role)
            if node is None or not _is_enabled(node):
                return None
            action = node.get_action_iface()
            return node if action is not None and Atspi.Action.do_action(action, 0) else None

        return self._await(try_press, f"{role} {_show(name)} to press", patience)

    def press_leftmost(self, name, role="choice", patience=None):
        """Presses the leftmost of all nodes called so: the navigation, where a page has a button of the same name."""

        def try_press():
            hits = [node for node in self._hits(name, role) if _is_enabled(node)]
            # What has gone meanwhile has neither place nor action.
            parts = [(node.get_component_iface(), node.get_action_iface()) for node in hits]
            parts = [(component, action) for component, action in parts if component and action]
            if not parts:
                return None
            left = [component.get_extents(Atspi.CoordType.SCREEN).x for component, _ in parts]
            return Atspi.Action.do_action(parts[left.index(min(left))][1], 0) or None

        return self._await(try_press, f"{_show(name)} in the navigation", patience)

    def click(self, name, role=None, patience=None):
        """Clicks what is called so with the pointer."""
        node = self.find(name, role, patience)
        left, top, width, height = self.wait_for(lambda: bounds(node), f"the place of {_show(name)}")
        xdotool("mousemove", left + width // 2, top + height // 2, "click", 1)
        return node

    def set_text(self, name, text, role="field", patience=None):
        """Puts text into a field at once, as assistive technology does."""
        node = self.find(name, role, patience)
        Atspi.EditableText.set_text_contents(node.get_editable_text_iface(), text)
        self._await(lambda: len(value(self.find(name, role))) == len(text) or None, f"{_show(name)} to hold the text")

    def type_text(self, name, text, role="field", patience=None):
        """Puts the keyboard into a field, empties it and types with real keys; plain ASCII only."""

        def try_focus():
            node = self._search(name, role)
            if node is None or not _is_enabled(node):
                return None
            if node.get_state_set().contains(Atspi.StateType.FOCUSED):
                return node
            _component(node).grab_focus()
            return None

        self._await(try_focus, f"the keyboard in {_show(name)}", patience)
        xdotool("key", "--clearmodifiers", "ctrl+a")
        xdotool("key", "--clearmodifiers", "BackSpace")
        self._await(lambda: len(value(self.find(name, role))) == 0 or None, f"{_show(name)} to be empty")
        xdotool("type", "--delay", 30, text)
        self._await(lambda: len(value(self.find(name, role))) == len(text) or None, f"{_show(name)} to hold the text")

    def keys(self, *names):
        """Presses keys one after the other, as xdotool calls them."""
        for name in names:
            xdotool("key", "--clearmodifiers", name)
            time.sleep(0.15)

    def type_keys(self, text):
        """Types with real keys into whatever has the keyboard."""
        xdotool("type", "--delay", 30, text)

    def tab_to(self, name, role=None, most=60):
        """Presses Tab until what is called so has the keyboard."""

        def focus():
            hits = self._hits(name, role)
            has_it = any(node.get_state_set().contains(Atspi.StateType.FOCUSED) for node in hits)
            return "here" if has_it else "elsewhere"

        self.find(name, role)
        for _ in range(most):
            # Where messages come in, the tree changes while it is read: then it is read again.
            if self._await(focus, f"the place of the keyboard beside {_show(name)}") == "here":
                return
            self.keys("Tab")
        raise NotThere(f"Tab does not lead to {role or 'node'} {_show(name)}")

    def wait_focus(self, name, role):
        """Waits until what is called so has the keyboard."""

        def has_focus():
            node = self._search(name, role)
            return node if node is not None and node.get_state_set().contains(Atspi.StateType.FOCUSED) else None

        return self._await(has_focus, f"the keyboard in {_show(name)}")

    def wait_for(self, attempt, what, patience=None):
        """Waits until an attempt brings something."""
        return self._await(attempt, what, patience)

    def close(self):
        """Closes the window as a person does."""
        xdotool("key", "--clearmodifiers", "alt+F4")

    def screenshot(self, path):
        """Writes the window's part of the screen to a PNG file; returns its number of colours and its brightness."""
        # The pointer would hover something.
        width, height = os.environ.get("LINESMAN_SCREEN", "1600x1000").split("x")
        xdotool("mousemove", int(width) - 1, int(height) - 1)
        time.sleep(0.4)
        return save_screen(path, self.frame())

    def frame(self):
        """Where the window is: left, top, width and height on the screen."""
        return self.wait_for(self._frame, "the frame of the window")

    # Inside

    def _frame(self):
        frame = next((node for node, depth in self.nodes() if depth == 1), None)
        return bounds(frame) if frame is not None else None

    def _find_application(self):
        desktop = Atspi.get_desktop(0)
        for index in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(index)
            if child is not None and child.get_process_id() == self.process.pid and child.get_child_count() > 0:
                return child
        return None

    def _hits(self, name, role):
        wanted = ROLES.get(role, {role}) if role else None
        return [
            node
            for node, _ in self.nodes()
            if _matches(node, name) and (wanted is None or node.get_role_name() in wanted)
        ]

    def _search(self, name, role):
        hits = self._hits(name, role)
        # Rather what can be acted on than a label with the same text, rather enabled than not.
        hits.sort(key=lambda node: (not _is_enabled(node), node.get_role_name() in ROLES["label"]))
        return hits[0] if hits else None

    def _await(self, attempt, what, patience=None):
        end = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            if self.process.poll() is not None:
                raise NotThere(f"the program ended with {self.process.returncode} before {what} was there")
            try:
                found = attempt()
            except (GLib.Error, NoAnswer):
                # The tree changed while we read it.
                found = None
            if found:
                return found
            if time.monotonic() > end:
                raise NotThere(f"{what} did not show up")
            time.sleep(0.15)


def value(node):
    """What a field holds: bullets for a password."""
    text = node.get_text_iface()
    if text is None:
        return ""
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text))


def bounds(node):
    """Left, top, width and height on the screen."""
    extents = _component(node).get_extents(Atspi.CoordType.SCREEN)
    return extents.x, extents.y, extents.width, extents.height


def _component(node):
    component = node.get_component_iface()
    if component is None:
        raise NoAnswer
    return component


def describe(node):
    """One line about a node."""
    line = f"[{node.get_role_name()}] {node.get_name()!r}"
    held = value(node)
    if held and held != node.get_name():
        line += f" holds {held!r}"
    if not _is_enabled(node):
        line += " (disabled)"
    return line


def _walk(node, depth):
    yield node, depth
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            yield from _walk(child, depth + 1)


def _matches(node, name):
    own = node.get_name() or ""
    return bool(name.search(own)) if isinstance(name, re.Pattern) else own == name


def _show(name):
    return f"/{name.pattern}/" if isinstance(name, re.Pattern) else repr(name)


def _is_enabled(node):
    states = node.get_state_set()
    return states.contains(Atspi.StateType.ENABLED) or states.contains(Atspi.StateType.SENSITIVE)


def activate(pid):
    """Brings the window of a process to the front and gives it the keyboard."""
    search = ["xdotool", "search", "--onlyvisible", "--pid", str(pid)]
    found = subprocess.run(search, capture_output=True, text=True, timeout=20, check=True)
    xdotool("windowactivate", "--sync", found.stdout.split()[-1])


def xdotool(*arguments):
    """Has xdotool move the pointer or press keys."""
    subprocess.run(["xdotool", *map(str, arguments)], check=True, timeout=20)


def save_screen(path, area=None):
    """Writes the screen, or an area of it, to a PNG file; returns the number of colours and the brightness, 0 to 255.

    Reads the file in which Xvfb keeps its picture, which has the XWD format: a header of big-endian words, colours,
    rows.
    """
    with open(os.environ["LINESMAN_SCREEN_FILE"], "rb") as file:
        raw = file.read()
    header = struct.unpack(">25I", raw[:100])
    header_bytes, screen_width, screen_height, byte_order = header[0], header[4], header[5], header[7]
    bits, row_bytes, colours = header[11], header[12], header[19]
    if bits != 32:
        raise ValueError(f"{bits} bits a pixel, expected 32")
    begin = header_bytes + colours * 12
    left, top, width, height = area or (0, 0, screen_width, screen_height)
    left, top = max(left, 0), max(top, 0)
    width, height = min(width, screen_width - left), min(height, screen_height - top)

    rows = bytearray()
    seen = set()
    total, counted = 0, 0
    for row in range(top, top + height):
        start = begin + row * row_bytes + left * 4
        pixels = raw[start : start + width * 4]
        # Least significant byte first: blue, green, red, unused.
        order = (2, 1, 0) if byte_order == 0 else (1, 2, 3)
        line = bytearray(width * 3)
        for target, source in enumerate(order):
            line[target::3] = pixels[source::4]
        if row % 7 == 0:
            seen.update(zip(line[0::3], line[1::3], line[2::3]))
            total += sum(line)
            counted += len(line)
        rows += b"\0" + line

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(bytes(rows), 9)))
        file.write(chunk(b"IEND", b""))
    return len(seen), total / max(counted, 1)
