"""A program that logs in every way that programs have, and knows nothing of the journal.

It ends as programs end that nobody looks after: with an exception that nobody catches.
"""

import asyncio
import gc
import io
import logging
import logging.config
import logging.handlers
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import traceback
import warnings

from loguru import logger as loguru
from rich.logging import RichHandler

LEVELS = ("debug", "info", "warning", "error", "critical")


def main():
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    each_level("basicConfig", logging.getLogger("basic"))
    each_level("StreamHandler", logger_of("stream", logging.StreamHandler(sys.stdout)))
    each_level("pieces", logger_of("pieces", InPieces()))
    each_level("rich", logger_of("rich", rich()))
    each_level("dictConfig", configured())
    each_level("loguru", loguru)
    with_tracebacks()
    held_back()
    loguru_more()
    prints()
    past_the_text_layer()
    nobody_catches()
    children()
    if "all" in sys.argv:
        logging.getLogger("basic").info("three %d", "words")
        workers_forked_while_threads_log()
    raise RuntimeError("the end of the program")


def each_level(way, log):
    for level in LEVELS:
        getattr(log, level)(f"{way} {level}")


def logger_of(name, handler):
    log = logging.getLogger(name)
    log.propagate = False
    log.addHandler(handler)
    return log


def rich():
    # Otherwise a time is left out when it is the last one's: what a run writes would depend on
    # where in a second it starts.
    return RichHandler(omit_repeated_times=False)


class InPieces(logging.Handler):
    def emit(self, record):
        sys.stderr.write(f"{record.levelname}\n")
        sys.stderr.write(f"  {record.getMessage()}")
        if record.exc_info:
            sys.stderr.write("\n")
            traceback.print_exception(*record.exc_info)
        sys.stderr.write("\n")


def configured():
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "[%(levelname)s] %(message)s"}},
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "plain",
                }
            },
            "loggers": {"configured": {"handlers": ["console"], "propagate": False}},
        }
    )
    return logging.getLogger("configured")


def with_tracebacks():
    for name in ("basic", "stream", "pieces", "rich", "configured"):
        try:
            raise KeyError(f"key of {name}")
        except KeyError:
            logging.getLogger(name).exception("caught by %s", name)
    try:
        raise KeyError("key of loguru")
    except KeyError:
        loguru.exception("caught by loguru")


def held_back():
    """Records that another thread writes, or that are written later."""
    records = queue.Queue()
    listener = logging.handlers.QueueListener(records, logging.StreamHandler(sys.stdout))
    listener.start()
    each_level("queue", logger_of("queue", logging.handlers.QueueHandler(records)))
    listener.stop()
    memory = logging.handlers.MemoryHandler(100, logging.CRITICAL, logging.StreamHandler())
    each_level("memory", logger_of("memory", memory))


def loguru_more():
    loguru.success("loguru success")
    loguru.remove()
    loguru.add(sys.stderr, level="TRACE", enqueue=True)
    loguru.trace("loguru trace")
    loguru.error("enqueued of two\nlines")
    loguru.complete()


def prints():
    print("print of one line")
    print("print of two\nlines")
    print("print to stderr", file=sys.stderr)
    print("print in ", end="")
    print("two calls")
    print("<0>print with a prefix")
    print()
    warnings.warn("a warning", stacklevel=1)
    try:
        raise KeyError("printed by print_exc")
    except KeyError:
        traceback.print_exc()


def past_the_text_layer():
    sys.stdout.buffer.write(b"bytes of one line\n")
    sys.stdout.buffer.flush()
    wrapper = io.TextIOWrapper(sys.stderr.buffer, "utf-8", write_through=True)
    logger_of("wrapper", logging.StreamHandler(wrapper)).error("wrapper\nof two lines")
    wrapper.detach()
    os.write(1, b"written to the descriptor\n")


class FailsAtItsEnd:
    def __del__(self):
        raise RuntimeError("raised in __del__")


def fail_in_a_thread():
    raise RuntimeError("raised in a thread")


async def forget_a_task():
    async def fail():
        raise RuntimeError("raised in a task")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    gc.collect()


def nobody_catches():
    thread = threading.Thread(target=fail_in_a_thread)
    thread.start()
    thread.join()
    item = FailsAtItsEnd()
    del item
    asyncio.run(forget_a_task())


def child(how):
    log = logging.getLogger("child")
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    log.info("%s info", how)
    log.error("%s error", how)
    print(f"{how} print")


def children():
    for how in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(how).Process(target=child, args=(how,))
        process.start()
        process.join()
    program = "import logging; logging.error('subprocess error'); print('subprocess print')"
    subprocess.run([sys.executable, "-c", program], check=True)
    subprocess.run(["sh", "-c", "echo 'shell <3>as it is'; echo '<4>shell warning'"], check=True)
    crash = "import faulthandler; faulthandler._sigsegv()"
    subprocess.run([sys.executable, "-c", crash], check=False)


def workers_forked_while_threads_log():
    """As servers do that fork their workers while they serve.

    Only when asked: Python's own streams have locks, which such a fork may leave locked.
    """
    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, against just this
    done = threading.Event()
    log = logging.getLogger("prefork")

    def speak(number):
        count = 0
        while count < 50 or not done.is_set():
            count += 1
            log.debug("thread %d record %d", number, count)
            print(f"thread {number} print {count}", file=sys.stderr)
        log.info("thread %d spoke %d times", number, count)

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    workers = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            log.error("worker %d error", number)
            print(f"worker {number} print")
            os._exit(0)
        workers.append(pid)
    for pid in workers:
        os.waitpid(pid, 0)
    done.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
