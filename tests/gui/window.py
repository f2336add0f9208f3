#!/usr/bin/python3
"""Commissions a simulated gateway in the real window, as a person does, and takes pictures on the way.

  tests/gui/display.sh /usr/bin/python3 tests/gui/window.py --binary target/debug/linesman --pictures target/window

Starts `linesman demo`, finds the gateway, asks what it is, sends a wrong passphrase, reads the refusal, corrects it,
reads that the gateway joined, watches what the gateways of the site publish, looks at the records, and closes the
window. Exits with 0 when all of it held.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import atspi  # noqa: E402
import files  # noqa: E402

# What things are called in the window. All names stand here, so that a renaming is mended in one place.
NAMES = {
    # The rail
    "gateways": "Gateways",
    "records": "Records",
    "settings": "Settings",
    # The simulated site in the status line: its network and its passphrase follow their names.
    "site": "Show the simulated site",
    "site_network": "Network",
    "site_passphrase": "Passphrase",
    "site_user": "User",
    "site_secret": "Password or proof",
    # The list: the row of the gateway to set up (one that speaks Improv), and what querying it brings.
    "gateway": re.compile(r"^(?P<name>Gateway with Improv.*), (?P<place>/dev/pts/\d+), "),
    "query": "Query {place}",
    "query_all": "Query all gateways",
    "answered": "Ready",
    "other_gateway": re.compile(r"^Noisy pump, "),
    "locked_gateway": re.compile(r"^PROV_"),
    "palette": "Palette",
    "listen": re.compile(r"^Scan Bluetooth"),
    "listening": "Stop the Bluetooth scan",
    "filter": "Filter",
    "user_name": "User name",
    "proof": "Proof or password",
    # Set up
    "connect": "Connect",
    "connected": "Connected",
    "network": "Network {ssid}, ",
    "passphrase": "Passphrase",
    "send": "Send",
    "refused": "Refused",
    "correct": "Correct the passphrase",
    "joined": "Joined",
    "finish": "Close the session",
    "finished": re.compile(r"^Session closed$|^Session failed$"),
    # Device: a file of a gateway with MCUmgr, which has none of that name.
    "managed_gateway": re.compile(r"^Gateway with MCUmgr, "),
    "device": "Device",
    "manage": "Connect to manage the gateway",
    "managed": "Disconnect from the gateway",
    "file_path": "Path",
    "look_at_file": "Check size and checksum of the file",
    "file_answer": re.compile(r"^The file isn't there|/lfs/window-test\.pem|^The gateway "),
    # Terminal: a gateway with a console, which asks for a login.
    "console_gateway": re.compile(r"^Linux gateway with a console, "),
    "terminal": "Terminal",
    "open_terminal": "Open the terminal",
    "screen": re.compile(r"^Screen of /dev/pts/\d+$"),
    "prompted": re.compile(r"^[1-9]\d* bytes received$"),
    "close_terminal": "Close the terminal",
    "selection_copied": "Selection copied",
    # Batch: a manifest with six gateways that nobody set up yet, one of which wants its button pressed.
    "batch_secret": "@site",
    "batch_login": "@login",
    "batch_start": "Set up 6 gateways",
    "batch_press": re.compile(r"^Row \d, Loading dock, .*Press its button within \d+ s"),
    "batch_joined": re.compile(r"^Row \d, Packing hall, joined, "),
    "batch_pressed": re.compile(r"^Row \d, Loading dock, joined, "),
    "batch_ended": "Export the results",
    "results_saved": re.compile(r"^Saved linesman-results\.csv"),
    # Files dropped out of a file manager: what the window says while they are held over it, and afterwards.
    "drop_one": "Drop to open {name}",
    "drop_several": "Drop to open {count} files",
    "not_opened": "{name} was not opened",
    "dismiss": "Dismiss the problem",
    "profile_added": "Profile Hall gateway added",
    "replayed": re.compile(r"^kept-.*\.lmrec"),
    # Records
    "search_records": "Search the records",
    "jobs": re.compile(r"^Jobs, \d+ row"),
    "record_of_batch": re.compile(r"Packing hall.*joined", re.IGNORECASE),
    "save_report": re.compile(r"^Save report"),
    "report_saved": re.compile(r"^Saved record-\d+-.*\.html"),
    "record_joined": re.compile(r"\bjoined\b", re.IGNORECASE),
    # Telemetry: the broker of the simulated site stands in the form already.
    "telemetry": "Telemetry",
    "connect_broker": "Connect",
    "connection": re.compile(r"^Connection: "),
    "messages": "Messages",
    "disconnect": "Disconnect from the broker",
    "close_inspection": "Close the inspection",
    "clear_and_close": "Clear and close",
    "topics": "Topics",
    "more_on_topics": "More on topics",
    "open_levels": "Open all levels",
    "topic": re.compile(r"^telemetry, \d+ messages?"),
    "value": re.compile(r"^humidity: -?\d"),
    "plot_value": "Draw a curve of humidity",
    "plot": "Plot",
    "curves": re.compile(r"^Plot of 1 curve, "),
    "numbers": re.compile(r"^last .*  \d+ points?"),
    "live": "Live",
    "pause": "Pause the list",
    "follow": "Follow the newest messages",
    "recordings": "Recordings",
    "one_minute": "1 min",
    "keep": "Keep the last 1 min",
    "kept": re.compile(r"^Saved kept-.*\.lmrec: [1-9]"),
    "publish": "Publish",
    "search_topics": "Search",
    "topic_field": "Topic",
    "as_text": "Payload as Text",
    "payload": "Payload text",
    "send_message": "Publish the message",
    "sent": "Sent",
    "published": re.compile(r"^window-test, 1 message, last hello from the window"),
    "address": "Address",
    "topics_tree": re.compile(r"^Topics, \d+ row"),
    "value_tree": re.compile(r"^Value, \d+ row"),
    "record": "Start recording",
    "stop_recording": "Stop recording",
    "recorded": re.compile(r"^Saved (?!kept-).*\.lmrec: [0-9]"),
    "export": "Export messages",
    "export_csv": "Export as CSV",
    "save_as": "Save as",
    "saved": re.compile(r"^Saved messages\.csv: [0-9]"),
    # Settings
    "light": "Light theme",
    "dark": "Dark theme",
    # The question when a job still runs
    "close_anyway": "Stop and close",
}

WRONG_PASSPHRASE = "wrong-passphrase-4711"
# The rows of the manifest: what they are called, the gateways of the simulated site they mean, and whether they want a login.
BATCH = (
    ("Loading dock", "ble:02:4C:4E:00:00:02", "generic-improv", False),
    ("Packing hall", "serial-number:SIM0010", "kis-me", False),
    ("Far hall", "serial-number:SIM0006", "generic-improv", False),
    ("Press shop", "serial-number:SIM0004", "generic-esp", False),
    ("Office", "serial-number:SIM0001", "calms", True),
    ("Cold store", "ble:02:4C:4E:00:00:01", "generic-improv", False),
)


def own_profile():
    """A profile as an installer may write one: a shipped one under another name."""
    shipped = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../profiles/generic-improv.toml")
    with open(shipped, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r'^id = .*$', 'id = "hall-gateway"', text, count=1, flags=re.MULTILINE)
    return re.sub(r'^name = .*$', 'name = "Hall gateway"', text, count=1, flags=re.MULTILINE)


class Failed(Exception):
    """Something is not as it should be."""


class WindowTest:
    """The test and what it needs on its way."""

    def __init__(self, options, data_dir):
        self.options = options
        self.data_dir = data_dir
        self.environment = dict(os.environ, LINESMAN_DATA_DIR=data_dir)
        # A demo keeps its records apart from those of real work.
        self.records_environment = dict(os.environ, LINESMAN_DATA_DIR=os.path.join(data_dir, "demo"))
        self.process = None
        self.window = None
        self.manager = None
        self.network = None
        self.passphrase = None
        self.user = None
        self.secret = None

    def run(self):
        self.step("start the demo", self.start)
        self.step("find a gateway and ask what it is", self.discover)
        self.step("connect", self.connect)
        self.step("send a wrong passphrase and read the refusal", self.refuse)
        self.step("correct it and read that the gateway joined", self.join)
        self.step("take pictures in both themes", self.picture_both)
        self.step("close the session", self.close_session)
        self.step("set up another gateway by keyboard alone", self.by_keyboard)
        self.step("set up one that asks for proof by keyboard alone", self.with_proof)
        self.step("connect to the broker of the site", self.connect_broker)
        self.step("see topics and open a message", self.see_topics)
        self.step("plot a field", self.plot)
        self.step("pause the list and go on", self.pause)
        self.step("keep the last minute", self.keep)
        self.step("publish a message and see it come", self.publish)
        self.step("disconnect from the broker", self.disconnect)
        self.step("connect, plot, record and export by keyboard alone", self.watch_by_keyboard)
        self.step("look at a file of a gateway by keyboard alone", self.device_by_keyboard)
        self.step("select in a terminal by keyboard alone", self.terminal_by_keyboard)
        self.step("drop a manifest and set up its six gateways by keyboard", self.batch_by_keyboard)
        self.step("drop files of all kinds on all places", self.drop_others)
        self.step("find it in the records", self.look_at_records)
        self.step("report on a record by keyboard alone", self.report_by_keyboard)
        self.step("close the window", self.close)
        self.step("find the outcome on record, and no passphrase in any file", self.check_files)

    def step(self, what, work):
        began = time.monotonic()
        print(f"window: {what} …", flush=True)
        work()
        print(f"window: {what}: ok, {time.monotonic() - began:.1f} s", flush=True)

    def start(self):
        self.process = subprocess.Popen([self.options.binary, "demo"], env=self.environment)
        self.window = atspi.Window(self.process, self.options.patience)
        self.window.press(NAMES["site"])
        self.window.find(NAMES["site_passphrase"])
        names = self.window.names()
        self.network = names[names.index(NAMES["site_network"]) + 1]
        self.passphrase = names[names.index(NAMES["site_passphrase"]) + 1]
        self.user = names[names.index(NAMES["site_user"]) + 1]
        self.secret = names[names.index(NAMES["site_secret"]) + 1]
        self.picture("simulated-site")
        self.window.press(NAMES["site"])
        print(f"window: the simulated network is {self.network!r}")

    def discover(self):
        row = self.window.press(NAMES["gateway"], "choice")
        place = NAMES["gateway"].search(row.get_name())["place"]
        self.window.press(NAMES["query"].format(place=place))
        self.window.find(NAMES["answered"])
        self.picture("gateways")

    def connect(self):
        self.window.press(NAMES["connect"])
        self.window.find(NAMES["connected"], patience=60)
        self.picture("connected")
        network = re.compile("^" + re.escape(NAMES["network"].format(ssid=self.network)))
        self.window.press(network, "choice", patience=60)

    def refuse(self):
        self.window.type_text(NAMES["passphrase"], WRONG_PASSPHRASE, "password")
        held = atspi.value(self.window.find(NAMES["passphrase"], "password"))
        if WRONG_PASSPHRASE in held:
            raise Failed("the passphrase can be read off the window")
        self.window.press(NAMES["send"])
        self.expect("refused", "joined")
        self.picture("refused")

    def join(self):
        self.window.press(NAMES["correct"])
        self.window.type_text(NAMES["passphrase"], self.passphrase, "password")
        self.window.press(NAMES["send"])
        self.expect("joined", None)

    def picture_both(self):
        # A list that was asked shows more than one that was not.
        self.go("gateways")
        self.window.press(NAMES["query_all"])
        brightness = {}
        for theme in ("light", "dark"):
            self.go("settings")
            self.window.press(NAMES[theme], "choice")
            self.picture(f"settings-{theme}")
            for place in ("gateways", "records", "telemetry"):
                self.go(place)
                brightness[theme] = self.picture(f"{place}-{theme}")
        if brightness["light"] - brightness["dark"] < 60:
            raise Failed(f"the themes hardly differ in brightness: {brightness}")

    def close_session(self):
        self.go("gateways")
        # A gateway may end the session by itself once it joined.
        seen, _ = self.window.find_any({"open": NAMES["finish"], "ended": NAMES["finished"]})
        if seen == "open":
            self.window.press(NAMES["finish"])
            self.window.find(NAMES["finished"])

    def by_keyboard(self):
        keys = self.window.keys
        keys("ctrl+1", "ctrl+f")
        self.window.wait_focus(NAMES["filter"], "field")
        self.window.type_keys("noisy")
        self.window.find(NAMES["other_gateway"])
        # From the filter Down to the list; its first row; Enter is the act that goes on.
        keys("Down", "Home")
        self.window.find(NAMES["answered"])
        keys("Return")
        self.window.find(NAMES["connected"], patience=60)
        # The network is the site's and the passphrase has the keyboard: it was not offered, so it is typed again.
        self.window.wait_focus(NAMES["passphrase"], "password")
        self.window.type_keys(WRONG_PASSPHRASE)
        keys("Return")
        self.expect("refused", "joined")
        # Enter corrects: what was typed is selected, and typing replaces it.
        keys("Return")
        self.window.wait_focus(NAMES["passphrase"], "password")
        self.window.type_keys(self.passphrase)
        keys("Return")
        self.expect("joined", "refused")
        self.picture("by-keyboard")
        keys("ctrl+f", "Escape")

    def with_proof(self):
        keys = self.window.keys
        keys("ctrl+k")
        self.window.wait_focus(NAMES["palette"], "field")
        self.window.type_keys("scan bluetooth")
        self.window.find(NAMES["listen"])
        keys("Return")
        self.window.find(NAMES["listening"])
        keys("ctrl+1", "ctrl+f")
        self.window.wait_focus(NAMES["filter"], "field")
        self.window.type_keys("prov_sim")
        self.window.find(NAMES["locked_gateway"], patience=60)
        keys("Down", "Home")
        self.window.tab_to(NAMES["user_name"], "field")
        self.window.type_keys(self.user)
        self.window.tab_to(NAMES["proof"], "password")
        self.window.type_keys(self.secret)
        keys("Return")
        self.window.find(NAMES["connected"], patience=60)
        self.window.wait_focus(NAMES["passphrase"], "password")
        self.window.type_keys(self.passphrase)
        keys("Return")
        self.expect("joined", "refused")
        self.picture("with-proof")
        keys("ctrl+f", "Escape")

    def connect_broker(self):
        self.go("telemetry")
        # What a gateway of the simulated site sends is watched by itself once it has joined.
        seen, _ = self.window.find_any({"open": NAMES["disconnect"], "closed": NAMES["connect_broker"]})
        if seen == "closed":
            self.window.press(NAMES["connect_broker"])
        self.window.find(NAMES["disconnect"], "button", patience=60)

    def see_topics(self):
        self.window.press(NAMES["messages"], "tab")
        self.window.press(NAMES["more_on_topics"])
        self.window.press(NAMES["open_levels"])
        self.window.press(NAMES["topic"], "row", patience=60)
        self.window.press(NAMES["value"], "row")
        self.picture("topics")

    def plot(self):
        self.window.press(NAMES["plot_value"])
        self.window.press(NAMES["plot"], "tab")
        self.window.find(NAMES["curves"], "picture")
        self.window.find(NAMES["numbers"], patience=60)
        self.picture("plot")

    def pause(self):
        self.window.press(NAMES["messages"], "tab")
        self.window.press(NAMES["live"], "choice")
        self.window.press(NAMES["pause"])
        self.window.find(NAMES["follow"], "button")
        self.picture("paused")
        self.window.press(NAMES["follow"])
        self.window.find(NAMES["pause"], "button")

    def keep(self):
        self.window.press(NAMES["recordings"], "button")
        self.window.press(NAMES["one_minute"], "choice")
        self.window.press(NAMES["recordings"], "button")
        self.window.press(NAMES["keep"])
        self.window.find(NAMES["kept"])
        kept = [name for _, _, files in os.walk(self.data_dir) for name in files if name.startswith("kept-")]
        if len(kept) != 1:
            raise Failed(f"expected one kept recording, found {kept}")

    def publish(self):
        self.window.press(NAMES["publish"], "tab")
        self.window.set_text(NAMES["topic_field"], "site/window-test")
        self.window.press(NAMES["as_text"], "choice")
        self.window.set_text(NAMES["payload"], "hello from the window")
        self.window.press(NAMES["send_message"])
        self.window.find(NAMES["sent"])
        self.picture("publish")
        self.window.press(NAMES["messages"], "tab")
        self.window.press(NAMES["topics"], "choice")
        # Its row may be out of sight in the whole tree.
        self.window.set_text(NAMES["search_topics"], "window-test")
        self.window.find(NAMES["published"], "row")

    def disconnect(self):
        self.window.press(NAMES["disconnect"])
        self.window.press(NAMES["close_inspection"])
        self.window.press(NAMES["clear_and_close"])
        self.window.find(NAMES["connect_broker"], "button")

    def watch_by_keyboard(self):
        keys, tab_to = self.window.keys, self.window.tab_to
        keys("ctrl+3")
        tab_to(NAMES["address"], "field")
        keys("Return")
        self.window.find(NAMES["disconnect"], "button", patience=60)
        keys("ctrl+f")
        self.window.wait_focus(NAMES["search_topics"], "field")
        # What was searched for before still stands there.
        keys("ctrl+a")
        self.window.type_keys("cloud-connector/telemetry")
        self.window.find(NAMES["topic"], "row", patience=60)
        tab_to(NAMES["topics_tree"])
        keys("End")
        tab_to(NAMES["value_tree"])
        self.window.find(NAMES["value"], "row")
        keys("Home", "Down", "Return")
        tab_to(NAMES["record"], "button")
        keys("Return")
        self.window.find(NAMES["stop_recording"], "button")
        tab_to(NAMES["stop_recording"], "button")
        keys("Return")
        self.window.find(NAMES["recorded"])
        tab_to(NAMES["export"], "button")
        keys("Return")
        tab_to(NAMES["export_csv"], "button")
        keys("Return")
        self.take_proposed_name()
        self.window.find(NAMES["saved"])
        self.picture("exported")
        if not any(name == "messages.csv" for _, _, files in os.walk(os.environ["HOME"]) for name in files):
            raise Failed("the messages were not exported")

    def choose_by_keyboard(self, filtered, row, tab):
        """Selects a gateway and one of its tabs."""
        keys = self.window.keys
        keys("Escape", "ctrl+1", "ctrl+f")
        self.window.wait_focus(NAMES["filter"], "field")
        keys("ctrl+a")
        self.window.type_keys(filtered)
        self.window.find(row)
        keys("Down", "Home")
        self.window.tab_to(tab, "tab")
        keys("Return")

    def device_by_keyboard(self):
        keys, tab_to = self.window.keys, self.window.tab_to
        self.choose_by_keyboard("mcumgr", NAMES["managed_gateway"], NAMES["device"])
        tab_to(NAMES["manage"], "button")
        keys("Return")
        self.window.find(NAMES["managed"], "button", patience=60)
        tab_to(NAMES["file_path"], "field")
        self.window.type_keys("/lfs/window-test.pem")
        keys("Return")
        self.window.find(NAMES["file_answer"], patience=60)
        self.picture("device-files")
        tab_to(NAMES["managed"], "button")
        keys("Return")
        self.window.find(NAMES["manage"], "button", patience=60)
        keys("ctrl+f", "Escape")

    def terminal_by_keyboard(self):
        keys, tab_to = self.window.keys, self.window.tab_to
        self.choose_by_keyboard("console", NAMES["console_gateway"], NAMES["terminal"])
        tab_to(NAMES["open_terminal"], "button")
        keys("Return")
        self.window.find(NAMES["close_terminal"], "button")
        tab_to(NAMES["screen"])
        keys("Return")
        self.window.find(NAMES["prompted"])
        keys("shift+Home")
        # With something selected Ctrl+C copies; the device gets none of it.
        keys("ctrl+c")
        self.window.find(NAMES["selection_copied"])
        self.picture("terminal")
        keys("ctrl+bracketright")
        tab_to(NAMES["close_terminal"], "button")
        keys("Return")
        self.window.find(NAMES["open_terminal"], "button")
        keys("ctrl+f", "Escape")

    def batch_by_keyboard(self):
        folder = os.path.join(self.data_dir, "manifests")
        os.makedirs(folder)
        with open(os.path.join(folder, "walk.csv"), "w", encoding="utf-8") as file:
            file.write("name,match,profile,ssid,password_file,username,pop_file\n")
            for name, match, profile, has_login in BATCH:
                login = f"{self.user},@login" if has_login else ","
                file.write(f"{name},{match},{profile},{self.network},@site,{login}\n")
        keys, tab_to = self.window.keys, self.window.tab_to
        # Whatever is on the screen: a manifest opens where batches are.
        keys("Escape", "ctrl+4")
        manager = self.open_folder(folder)
        self.drop(manager, "walk.csv")
        self.close_folder(manager)
        self.window.find(NAMES["batch_secret"], "password", patience=60)
        tab_to(NAMES["batch_secret"], "password")
        self.window.type_keys(self.passphrase)
        tab_to(NAMES["batch_login"], "password")
        self.window.type_keys(self.secret)
        tab_to(NAMES["batch_start"], "button")
        keys("Return")
        self.window.find(NAMES["batch_press"], patience=120)
        self.picture("batch-press")
        self.window.find(NAMES["batch_joined"], patience=120)
        self.window.find(NAMES["batch_pressed"], patience=120)
        self.window.find(NAMES["batch_ended"], "button", patience=120)
        self.picture("batch")
        tab_to(NAMES["batch_ended"], "button")
        keys("Return")
        self.take_proposed_name()
        self.window.find(NAMES["results_saved"])

    def drop_others(self):
        """What no manifest is goes where it belongs, or is named with what to do: on every place alike."""
        folder = os.path.join(self.data_dir, "drops")
        os.makedirs(os.path.join(folder, "papers"))
        with open(os.path.join(folder, "notes.docx"), "w", encoding="utf-8") as file:
            file.write("Nothing that Linesman opens\n")
        with open(os.path.join(folder, "hall.toml"), "w", encoding="utf-8") as file:
            file.write(own_profile())
        recording = next(path for path in self.files_below(self.data_dir) if os.path.basename(path).startswith("kept-"))
        shutil.copy(recording, folder)
        manager = self.open_folder(folder)
        for place in ("1", "2", "3", "4", "5"):
            self.activate()
            self.window.keys("Escape", f"ctrl+{place}")
            self.drop(manager, "notes.docx")
            self.read_refusals("notes.docx")
        self.drop(manager, "notes.docx", "papers")
        self.picture("dropped")
        self.read_refusals("notes.docx", "papers")
        self.drop(manager, "hall.toml")
        self.window.find(NAMES["profile_added"])
        self.drop(manager, os.path.basename(recording))
        self.window.find(NAMES["replayed"])
        self.picture("dropped-recording")
        self.close_folder(manager)

    def open_folder(self, folder):
        """Opens a folder in a file manager."""
        self.manager = files.FileManager(folder, self.options.patience)
        return self.manager

    def close_folder(self, manager):
        """Closes the file manager, which gives the keyboard back to the window."""
        manager.close()
        self.activate()

    def activate(self):
        """Gives the keyboard to the window, as a click on it does."""
        atspi.activate(self.process.pid)

    def drop(self, manager, *names):
        """Drops files of the file manager on the window."""
        one, several = NAMES["drop_one"].format(name=names[0]), NAMES["drop_several"].format(count=len(names))
        files.drag(names, manager, self.window, one if len(names) == 1 else several)

    def read_refusals(self, *names):
        """Reads that files were not opened, and puts that away."""
        for name in names:
            self.window.find(NAMES["not_opened"].format(name=name))
        for _ in names:
            self.window.press(NAMES["dismiss"])
        for name in names:
            self.window.wait_gone(NAMES["not_opened"].format(name=name))

    @staticmethod
    def files_below(folder):
        """The paths of all files in a folder and those below it."""
        return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]

    def take_proposed_name(self):
        """This desktop has no file dialog: one of our own proposes a name, which Enter takes."""
        self.window.wait_focus(NAMES["save_as"], "field")
        self.window.keys("Return")

    def report_by_keyboard(self):
        keys = self.window.keys
        keys("ctrl+4", "ctrl+f")
        self.window.wait_focus(NAMES["search_records"], "field")
        self.window.type_keys("kis-me joined")
        self.window.find(NAMES["record_of_batch"], "row")
        self.window.tab_to(NAMES["jobs"])
        keys("Down")
        self.window.find(NAMES["save_report"], "button")
        self.window.tab_to(NAMES["save_report"], "button")
        keys("Return")
        self.take_proposed_name()
        self.window.find(NAMES["report_saved"])
        self.picture("reported")
        reports = [name for _, _, files in os.walk(os.environ["HOME"]) for name in files if name.endswith(".html")]
        if len(reports) != 1:
            raise Failed(f"expected one report, found {reports}")

    def look_at_records(self):
        self.go("records")
        self.window.find(NAMES["record_joined"])
        self.picture("records")

    def close(self):
        self.window.close()
        end = time.monotonic() + self.options.patience
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise Failed("the window did not close")
            if self.window.has(NAMES["close_anyway"], "button"):
                raise Failed("the window asks whether to close although no job runs")
            time.sleep(0.2)
        if self.process.returncode != 0:
            raise Failed(f"the program ended with {self.process.returncode}")

    def check_files(self):
        command = [self.options.binary, "records", "list", "--json"]
        environment = self.records_environment
        listed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        lines = [json.loads(line) for line in listed.stdout.splitlines() if line]
        if "joined" not in json.dumps(lines):
            raise Failed(f"no record says joined: {lines}")
        secrets = [secret.encode() for secret in (WRONG_PASSPHRASE, self.passphrase)]
        for folder, _, files in os.walk(self.data_dir):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                # What the simulated gateways keep on their cards is theirs: they must know the network.
                if "cards" in os.path.relpath(folder, self.data_dir).split(os.sep):
                    continue
                for secret in secrets:
                    if secret in content:
                        raise Failed(f"{os.path.join(folder, name)} holds a passphrase")

    def go(self, place):
        """Opens a place by the navigation, which stands left of everything else of the same name."""
        self.window.press_leftmost(NAMES[place])

    def expect(self, outcome, other):
        names = {key: NAMES[key] for key in (outcome, other) if key}
        seen, node = self.window.find_any(names, patience=90)
        if seen != outcome:
            raise Failed(f"expected {outcome}, the window says {node.get_name()!r}")

    def picture(self, name):
        """Takes a picture; returns its brightness."""
        colours, brightness = self.window.screenshot(os.path.join(self.options.pictures, f"{name}.png"))
        if colours < 16:
            raise Failed(f"{name}.png is blank: {colours} colours")
        return brightness

    def explain(self):
        """Says what the window shows, after a failure."""
        if self.window is None or self.process is None or self.process.poll() is not None:
            return
        print(self.window.tree(), file=sys.stderr)
        self.window.screenshot(os.path.join(self.options.pictures, "failure.png"))

    def end(self):
        for process in (self.process, self.manager and self.manager.process):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/debug/linesman", help="the program to test")
    parser.add_argument("--pictures", default="target/window", help="folder for the pictures")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for things to show up")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)

    with tempfile.TemporaryDirectory(prefix="linesman-window-") as data_dir:
        test = WindowTest(options, data_dir)
        try:
            test.run()
        except (Failed, atspi.NotThere, atspi.GLib.Error, subprocess.SubprocessError) as error:
            print(f"window: FAILED: {error}", file=sys.stderr, flush=True)
            test.explain()
            return 1
        finally:
            test.end()
    print(f"window: all held; pictures in {options.pictures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
