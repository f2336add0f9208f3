#!/usr/bin/python3
"""Takes pictures of each place of the window, with the simulated site behind it, in one theme and at one scale.

  tests/gui/display.sh /usr/bin/python3 tests/gui/pictures.py --binary target/release/linesman --theme dark --scale 1 \
      --pictures target/pictures/1100x720-dark

`tests/gui/pictures.sh` does this for every size and both themes. Nothing is checked but that each place could be reached:
the pictures are for people to look at, beside the mock-ups, and for the README.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import atspi  # noqa: E402

WRONG_PASSPHRASE = "wrong-passphrase-4711"
IMPROV = re.compile(r"^Gateway with Improv.*, (?P<place>/dev/pts/\d+), ")
NOISY = re.compile(r"^Noisy pump, ")


class Pictures:
    """One run of the program, and what is shown on the way."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.failed = []
        data = os.path.join(folder, "demo")
        os.makedirs(data)
        with open(os.path.join(data, "settings.toml"), "w", encoding="utf-8") as file:
            file.write(f'theme = "{options.theme}"\nscale = {float(options.scale)}\n')
        with open(os.path.join(folder, "site.csv"), "w", encoding="utf-8") as file:
            file.write("name,match,ssid,password\n")
        environment = dict(os.environ, LINESMAN_DATA_DIR=folder)
        self.process = subprocess.Popen([options.binary, "demo"], env=environment)
        self.window = atspi.Window(self.process, options.patience)

    def run(self):
        for scene in (
            self.gateways,
            self.set_up,
            self.refused,
            self.joined,
            self.tabs,
            self.batch,
            self.check,
            self.telemetry,
            self.records,
            self.settings,
            self.over,
        ):
            if self.options.only and scene.__name__ not in self.options.only:
                continue
            try:
                scene()
            except (atspi.NotThere, subprocess.SubprocessError) as error:
                self.failed.append(f"{scene.__name__}: {error}")
                self.shoot(f"{scene.__name__}-failed")
                self.window.keys("Escape")
        self.process.terminate()
        self.process.wait(20)

    def shoot(self, name):
        self.window.screenshot(os.path.join(self.options.pictures, f"{name}.png"))

    def place(self, number):
        self.window.keys(f"ctrl+{number}")
        time.sleep(0.5)

    def secret(self):
        """The passphrase of the simulated site, read off its chip."""
        self.window.press("Show the simulated site")
        self.window.find("Passphrase")
        names = self.window.names()
        found = names[names.index("Passphrase") + 1]
        self.window.press("Show the simulated site")
        return found

    def gateways(self):
        self.window.find(IMPROV, patience=60)
        self.passphrase = self.secret()
        self.shoot("gateways-start")
        self.window.press("Query all gateways")
        time.sleep(6)
        self.select(IMPROV)
        self.shoot("gateways")

    def select(self, row):
        """Selects a row by the filter, as a person with many gateways does; in one column it opens the detail."""
        word = {IMPROV: "with improv", NOISY: "noisy"}[row]
        self.window.keys("ctrl+1", "Escape", "ctrl+f", "ctrl+a")
        self.window.type_keys(word)
        self.window.keys("Down", "Home")
        time.sleep(0.5)

    def set_up(self):
        self.window.keys("Return")
        self.window.find("Connected", patience=60)
        self.window.find("Passphrase", "password", patience=60)
        time.sleep(4)
        self.shoot("set-up")

    def refused(self):
        self.window.wait_focus("Passphrase", "password")
        self.window.type_keys(WRONG_PASSPHRASE)
        self.shoot("set-up-typed")
        self.window.keys("Return")
        time.sleep(1)
        self.shoot("set-up-sending")
        self.window.find("Refused", patience=90)
        self.shoot("refused")

    def joined(self):
        self.window.keys("Return")
        self.window.wait_focus("Passphrase", "password")
        self.window.keys("ctrl+a")
        self.window.type_keys(self.passphrase)
        self.window.keys("Return")
        self.window.find(re.compile("^Joined"), patience=90)
        time.sleep(1)
        self.window.keys("ctrl+f", "ctrl+a", "BackSpace", "Escape")
        self.shoot("joined")

    def tabs(self):
        # In one column the filter led back to the list.
        if not self.window.has("Device", "tab"):
            self.select(IMPROV)
        for tab in ("Device", "Terminal", "Telemetry", "Check", "Remove", "History"):
            self.window.press(tab, "tab")
            time.sleep(0.7)
            self.shoot(f"tab-{tab.lower()}")
        self.window.press("Terminal", "tab")
        self.window.press("Set up", "tab")

    def batch(self):
        self.place(1)
        self.window.keys("ctrl+f", "ctrl+a", "BackSpace", "Escape")
        self.window.press("Choose which gateways to show")
        self.window.press("Select all")
        self.window.keys("Escape")
        time.sleep(0.7)
        self.shoot("batch")
        self.window.press("Close the batch", "button")
        time.sleep(0.5)

    def check(self):
        self.place(2)
        self.shoot("check")

    def telemetry(self):
        self.place(3)
        time.sleep(1)
        if not self.window.has("Disconnect from the broker", "button"):
            self.shoot("telemetry-start")
            self.window.press("Connect")
        self.window.find("Disconnect from the broker", "button", patience=60)
        self.window.press("Messages", "tab")
        self.window.press("More on topics")
        self.window.press("Open all levels")
        self.window.press(re.compile(r"^telemetry, \d+ messages?"), "row", patience=60)
        time.sleep(3)
        self.window.press(re.compile(r"^humidity: -?\d"), "row")
        self.shoot("telemetry")
        self.window.press("Draw a curve of humidity")
        for tab in ("Plot", "Publish", "Insight", "Trace", "Expected", "Broker"):
            self.window.press(tab, "tab")
            time.sleep(3 if tab == "Plot" else 1)
            self.shoot(f"telemetry-{tab.lower()}")
        self.window.press("Messages", "tab")

    def records(self):
        self.place(4)
        time.sleep(1)
        self.shoot("records")
        self.window.press(re.compile(r"joined", re.IGNORECASE), "row")
        time.sleep(1)
        self.shoot("records-detail")
        self.window.keys("Escape")

    def settings(self):
        self.place(5)
        self.shoot("settings")

    def over(self):
        self.place(1)
        self.window.keys("ctrl+k")
        self.window.type_keys("te")
        time.sleep(0.5)
        self.shoot("palette")
        self.window.keys("Escape", "F1")
        time.sleep(0.5)
        self.shoot("keys")
        self.window.keys("Escape")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--theme", default="light", choices=["light", "dark"])
    parser.add_argument("--scale", default="1")
    parser.add_argument("--patience", type=float, default=30.0)
    parser.add_argument("--only", nargs="*", help="scenes, by their name here; those before them may be needed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = Pictures(options, folder)
        try:
            pictures.run()
        finally:
            if pictures.process.poll() is None:
                pictures.process.kill()
    for failure in pictures.failed:
        print(f"pictures: {failure}", file=sys.stderr)
    return 1 if pictures.failed else 0


if __name__ == "__main__":
    sys.exit(main())
