"""The clients of DHCP: sockets and a timer round ``plan.dhcp4`` and ``plan.dhcp6``."""
