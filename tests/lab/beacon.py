"""A Bluetooth device that is no gateway: it names its maker, and nothing can be done with it."""

from bumble.core import AdvertisingData

from radio import Peripheral


class Beacon(Peripheral):
    defaults = {"company": 0x0059}

    def services(self):
        return []

    def advertisement(self):
        data = self.company.to_bytes(2, "little") + b"\x01\x02"
        return [(AdvertisingData.FLAGS, b"\x06"), (AdvertisingData.MANUFACTURER_SPECIFIC_DATA, data)]
