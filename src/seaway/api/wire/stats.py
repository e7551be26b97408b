"""``/containers/{id}/stats`` and ``top``: what containers use. Docker writes stats in lower case."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from seaway.api.wire.coding import Reply


class CpuUsage(Struct, kw_only=True):
    """Nanoseconds of all processors."""

    total_usage: int = 0
    usage_in_kernelmode: int = 0
    usage_in_usermode: int = 0


class Throttling(Struct, kw_only=True):
    """Nobody is held back: there are no limits here."""

    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class Cpu(Struct, kw_only=True):
    """Time of processors, up to one moment."""

    cpu_usage: CpuUsage = field(default_factory=CpuUsage)
    system_cpu_usage: int | UnsetType = UNSET
    online_cpus: int | UnsetType = UNSET
    throttling_data: Throttling = field(default_factory=Throttling)


class Memory(Struct, kw_only=True):
    """Bytes; nothing of a container that does not run."""

    usage: int | UnsetType = UNSET
    stats: dict[str, int] | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class Traffic(Struct, kw_only=True):
    """What an interface has carried."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class Pids(Struct, kw_only=True):
    """Processes and threads."""

    current: int | UnsetType = UNSET


class BlockIo(Struct, kw_only=True):
    """Not measured."""

    io_service_bytes_recursive: None = None
    io_serviced_recursive: None = None
    io_queue_recursive: None = None
    io_service_time_recursive: None = None
    io_wait_time_recursive: None = None
    io_merged_recursive: None = None
    io_time_recursive: None = None
    sectors_recursive: None = None


class Storage(Struct, kw_only=True):
    """Of Windows."""


class Stats(Struct, kw_only=True):
    """GET /containers/{id}/stats: one object, or one each second."""

    id: str
    name: str
    read: str
    preread: str
    cpu_stats: Cpu
    precpu_stats: Cpu
    memory_stats: Memory
    networks: dict[str, Traffic] | UnsetType = UNSET
    pids_stats: Pids
    blkio_stats: BlockIo = field(default_factory=BlockIo)
    num_procs: int = 0
    storage_stats: Storage = field(default_factory=Storage)


class Top(Reply, kw_only=True):
    """GET /containers/{id}/top."""

    titles: list[str]
    processes: list[list[str]]
