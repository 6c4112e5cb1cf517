"""The verb table: every command of the client, one module each, loaded only when it is asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.verb import Verb

# command, of one word or two -> (module, what it does)
TABLE: dict[str, tuple[str, str]] = {
    "run": ("run", "Create a container from an image and run a command in it"),
    "create": ("create", "Create a container without starting it"),
    "start": ("start", "Start stopped containers"),
    "stop": ("stop", "Stop running containers"),
    "restart": ("restart", "Stop containers and start them again"),
    "kill": ("kill", "Send a signal to running containers"),
    "rm": ("rm", "Remove containers"),
    "rename": ("rename", "Give a container another name"),
    "ps": ("ps", "List containers"),
    "port": ("port", "Show where a container's ports are on the host"),
    "top": ("top", "List the processes of a container"),
    "logs": ("logs", "Show what a container has written"),
    "exec": ("exec", "Run a command in a running container"),
    "attach": ("attach", "Connect this terminal to a running container"),
    "wait": ("wait", "Wait until containers stop and print their exit codes"),
    "inspect": ("inspect", "Show everything about containers or images as JSON"),
    "cp": ("cp", "Copy files out of a container or into it"),
    "diff": ("diff", "Show what a container has changed over its image"),
    "commit": ("commit", "Make an image of what a container has become"),
    "export": ("export", "Write the root file system of a container into an archive"),
    "images": ("images", "List images"),
    "pull": ("pull", "Get an image from a registry"),
    "push": ("push", "Send an image to a registry"),
    "login": ("login", "Check credentials with a registry and keep them"),
    "logout": ("logout", "Forget the credentials for a registry"),
    "history": ("history", "List the layers of an image"),
    "load": ("load", "Load images from an archive"),
    "save": ("save", "Write images into an archive"),
    "import": ("import_", "Make an image from an archive of a file system"),
    "tag": ("tag", "Give an image another name"),
    "rmi": ("rmi", "Remove images"),
    "network create": ("network.create", "Create a network"),
    "network ls": ("network.ls", "List networks"),
    "network inspect": ("network.inspect", "Show everything about networks as JSON"),
    "network connect": ("network.connect", "Put a container on a network"),
    "network disconnect": ("network.disconnect", "Take a container off a network"),
    "network rm": ("network.rm", "Remove networks"),
    "network prune": ("network.prune", "Remove all networks that no container is on"),
    "info": ("info", "Show the state of the engine and of its host"),
    "version": ("version", "Show the versions of the client and of the engine"),
}

# first word of commands of two words -> what they are about
GROUPS: dict[str, str] = {
    "network": "Manage networks",
}


def find_verb(name: str) -> Verb:
    """The verb of that name; KeyError if there is none."""
    from importlib import import_module

    verb: Verb = import_module("client.verbs." + TABLE[name][0]).VERB
    return verb
