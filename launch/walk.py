"""What the examples in docs/reference/commands.md need, to be run one after the other.

``python -m launch.reference`` puts it into the page as comments, which tests/e2e/page.py reads.
"""

from __future__ import annotations

BEFORE = {
    "run": "seaway network create --subnet 10.5.0.0/24 web\nseaway network create lan",
    "inspect": "seaway run -d --name web --network web -- sleep infinity",
    "start": (
        "seaway run --name db -- true\n"
        "seaway run --name shell -i -- cat\n"
        "seaway run --name job -- true\n"
        "seaway stop -t 0 web"
    ),
    "kill": "seaway run -d --name again -- sleep infinity",
    "pause": "seaway start web",
    "rm": "seaway stop -t 0 web",
    "rename": "seaway run -d --name web --network web -- sleep infinity",
    "wait": "seaway run --name job -- true",
    "logs": "seaway run -d --name web --network web -p 8085:80 -- sleep infinity",
    "publish": "seaway run -d --name db -- sleep infinity",
    "completion": "mkdir -p ~/.config/fish/completions",
    "network create": "seaway rm -f $(seaway ps -aq)\nseaway network rm web",
    "network update": (
        "seaway network rm front\nseaway network create --internal --subnet 10.5.0.0/24 web"
    ),
    "network connect": (
        "seaway network update --name web front\nseaway run -d --name postgres -- sleep infinity"
    ),
    "sandbox adopt": "ip netns add mine",
}
"""Commands that a reader is assumed to have typed before the examples of one command."""
EXCEPT = {
    "run": (("seaway run --rm -it bash", "it is interactive"),),
    "exec": (("seaway exec -it web bash", "it is interactive"),),
    "logs": (("seaway logs -f --tail 20 web", "it lasts until the sandbox ends"),),
    "events": (("seaway events -f type=network", "it lasts until somebody interrupts it"),),
    "daemon": (("seaway daemon", "there is one, and it would stay in the foreground"),),
    "sandbox adopt": (
        (
            "seaway sandbox adopt --netns /proc/4711/ns/net --network web server",
            "there is no process 4711",
        ),
    ),
    "attach": (("seaway attach web", "it lasts until the sandbox ends"),),
}
"""Examples that are not run, and why."""
