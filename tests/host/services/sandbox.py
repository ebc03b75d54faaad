"""Tries what a service might try, and writes what came of each into its state directory."""

import asyncio
import ctypes
import fcntl
import http.client
import http.server
import json
import mmap
import multiprocessing
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import socketserver
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
STATE = os.environ["STATE_DIRECTORY"]
#: What a variable and a secret have to be.
ODD = 'it\'s "odd": 100 % of $HOME, ${HOME} and $$, C:\\new\\table\\, ünïcode\t.'


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def write(path):
    pathlib.Path(path).write_text("x")


def read(path):
    pathlib.Path(path).read_text()


def family(number, kind=socket.SOCK_RAW):
    socket.socket(number, kind).close()


def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", (address, 9))


def run_with_roots_rights():
    if subprocess.check_output(["/usr/local/bin/id-as-root", "-u"], text=True).strip() != "0":
        raise PermissionError


def other_processes():
    os.stat("/proc/1")


def devices():
    if not os.path.exists("/dev/probe"):
        raise PermissionError


def trace():
    child = subprocess.Popen(["sleep", "60"])
    try:
        call("ptrace", 16, child.pid, 0, 0)  # PTRACE_ATTACH
    finally:
        child.kill()
        child.wait()


def set_user_id_on_execution():
    path = os.path.join(STATE, "program")
    write(path)
    os.chmod(path, 0o4755)


def module():
    call("syscall", {"x86_64": 313, "aarch64": 273}[os.uname().machine], 0, b"", 0)  # finit_module


def secret(name):
    return pathlib.Path(os.environ["CREDENTIALS_DIRECTORY"], name)


def expect(value):
    if value != ODD:
        raise ValueError(value)


ATTEMPTS = {
    "write to its secret": lambda: write(secret("ODD_SECRET")),
    "write to /usr": lambda: write("/usr/local/share/probe/file"),
    "write to /etc": lambda: write("/etc/probe/file"),
    "write to its own code": lambda: write(os.path.join(os.path.dirname(__file__), "probe")),
    "write to its virtual environment": lambda: write(os.path.join(sys.prefix, "probe")),
    "read a home directory": lambda: read("/home/probe/file"),
    "read another's file in /tmp": lambda: read("/tmp/probe-of-another"),
    "write to a path of its own elsewhere": lambda: write(f"/srv/probe/{os.getuid()}"),
    "see other processes": other_processes,
    "read the host's figures": lambda: read("/proc/meminfo"),
    "see devices": devices,
    "open a packet socket": lambda: family(socket.AF_PACKET),
    "open a netlink socket": lambda: family(socket.AF_NETLINK),
    "open an internet socket": lambda: family(socket.AF_INET, socket.SOCK_STREAM),
    "reach this host": lambda: send("127.0.0.1"),
    "reach another host": lambda: send("192.0.2.1"),
    "become root": lambda: os.setuid(0),
    "run with root's rights": run_with_roots_rights,
    "make a program that runs with its rights": set_user_id_on_execution,
    "make a user namespace": lambda: subprocess.run(["unshare", "--user", "true"], check=True),
    "load a module": module,
    "set the host name": lambda: call("sethostname", b"probe", 5),
    "write a setting of the kernel": lambda: write("/proc/sys/kernel/domainname"),
    "run in real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "lower its priority": lambda: os.nice(1),
    "choose its processors": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    "chown to itself": lambda: os.chown(STATE, os.getuid(), os.getgid()),
    "trace a process": trace,
    "memory that is writable and executable": lambda: mmap.mmap(-1, 4096, prot=7).close(),
}


def processes():
    with multiprocessing.Manager() as manager, multiprocessing.Pool(2) as pool:
        shared = manager.list([1])
        assert pool.map(abs, [-1, -2]) == [1, 2]
        assert list(shared) == [1]
    value = multiprocessing.Value("i", 1)
    with value.get_lock():
        value.value += 1


def serve():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/")
        assert connection.getresponse().status == 204


def unix_socket():
    path = os.path.join(os.environ["RUNTIME_DIRECTORY"], "probe.sock")
    server = socketserver.UnixStreamServer(path, socketserver.StreamRequestHandler)
    with server, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def database():
    with sqlite3.connect(os.path.join(STATE, "db.sqlite3")) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table if not exists t (a)")
        connection.execute("insert into t values (1)")


def foreign_function():
    compare = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)
    )
    values = (ctypes.c_int * 2)(2, 1)
    LIBC.qsort(values, 2, ctypes.sizeof(ctypes.c_int), compare(lambda a, b: a[0] - b[0]))
    assert list(values) == [1, 2]


async def programs():
    child = await asyncio.create_subprocess_exec("echo", "x", stdout=subprocess.PIPE)
    assert await child.stdout.read() == b"x\n"


def locked():
    with open(os.path.join(STATE, "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)


def ticks():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()


ORDINARY = {
    "write its state": lambda: write(os.path.join(STATE, "file")),
    "write its cache": lambda: write(os.path.join(os.environ["CACHE_DIRECTORY"], "file")),
    "write its log": lambda: write(os.path.join(os.environ["LOGS_DIRECTORY"], "file")),
    "write its runtime directory": lambda: write(
        os.path.join(os.environ["RUNTIME_DIRECTORY"], "file")
    ),
    "temporary files": lambda: tempfile.NamedTemporaryFile().close(),
    "multiprocessing": processes,
    "ctypes with a callback": foreign_function,
    "sqlite": database,
    "subprocesses": lambda: subprocess.run("true", shell=True, check=True),
    "asyncio and its subprocesses": lambda: asyncio.run(programs()),
    "Unix sockets": unix_socket,
    "locks of files": locked,
    "signals and timers": ticks,
    "TLS": ssl.create_default_context,
    "its own name": lambda: pwd.getpwuid(os.getuid()),
    "its own limits": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "the name of this host": lambda: socket.getaddrinfo("localhost", 80),
    "disk usage": lambda: shutil.disk_usage(STATE),
    "a variable as it was written": lambda: expect(os.environ["ODD"]),
    "a secret as a file": lambda: expect(secret("ODD_SECRET").read_text()),
    "a secret as a variable": lambda: expect(os.environ["ODD_SECRET"]),
    "an empty secret": lambda: secret("empty").read_bytes(),
}
ONLINE = {
    "an HTTP server and client": serve,
}


def worked(attempt):
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return f"{type(error).__name__}: {error}"
    return True


if __name__ == "__main__":
    told = {name: worked(attempt) for name, attempt in {**ORDINARY, **ONLINE, **ATTEMPTS}.items()}
    pathlib.Path(STATE, "told.json").write_text(json.dumps(told))
