"""Which GPUs the kernel has switched off, from its files: asking the driver would switch them on."""

from __future__ import annotations

import os
from pathlib import Path

SYS = Path("/sys")
# kernel documentation, sysfs-devices-power: `unsupported` and `error` are no sleep
_ASLEEP = frozenset({"suspended", "suspending"})


class PowerStates:
    """The power states of the devices that NVIDIA's driver has taken."""

    def __init__(self, sys: Path = SYS) -> None:
        """Args: where the kernel shows devices."""
        self._devices = f"{sys}/bus/pci/devices"
        self._taken = f"{sys}/bus/pci/drivers/nvidia"

    def is_asleep(self, bus_id: str) -> bool:
        """Whether the device at this address is switched off; False where it can't be told."""
        if not bus_id:
            return False
        try:
            descriptor = os.open(f"{self._devices}/{bus_id}/power/runtime_status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.read(descriptor, 32).decode("ascii", "replace").strip() in _ASLEEP
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def addresses(self) -> list[str]:
        """Of all GPUs that the driver has, by address; [] where the kernel does not show them."""
        try:
            names = os.listdir(self._taken)
        except OSError:
            return []
        # beside the devices lie `bind`, `new_id` and the like
        return sorted(name for name in names if name.count(":") == 2)
