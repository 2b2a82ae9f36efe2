"""Executes a notebook with the Java kernel and checks its outputs; ci/notebook prepares what it needs."""

import asyncio
import base64
import json
import os
import pathlib
import re
import shutil
import sys
import time
import xml.etree.ElementTree as ElementTree

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

KERNEL = "longform"
CELL_SECONDS = 300
START_SECONDS = 60
START_ATTEMPTS = 3
EXCEPTION = re.compile(r"\b(?:[A-Z]\w*)?Exception\b|\b[A-Z]\w+Error\b|^ERROR |^\s+at [\w.$/]+\(.*\)$", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def write_kernel(work):
    """The kernel's specification, in a folder that JUPYTER_PATH can name."""
    maven = "{http://maven.apache.org/POM/4.0.0}"
    opens = ElementTree.parse("pom.xml").findtext(f"{maven}properties/{maven}spark.jvm.opens")
    if not opens:
        raise SystemExit("Cannot start the kernel: pom.xml has no property spark.jvm.opens. Add what Spark needs on Java 17.")
    folder = work / "jupyter" / "kernels" / KERNEL
    scratch = work / "tmp"
    for each in (folder, scratch):
        each.mkdir(parents=True, exist_ok=True)
    java = pathlib.Path(os.environ["JAVA_HOME"]) / "bin" / "java"
    specification = {
        "argv": [
            str(java), *opens.split(), "-Xmx2g", "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={scratch}", "org.rapaio.jupyter.kernel.MainApp", "{connection_file}",
        ],
        "display_name": "Java with Longform",
        "language": "java",
        "interrupt_mode": "message",
        "env": {
            "CLASSPATH": os.environ["LONGFORM_CLASSPATH"],
            "RJK_TIMEOUT_MILLIS": "-1",
            "RUST_FLAVOR": "cpu",
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
    }
    (folder / "kernel.json").write_text(json.dumps(specification, indent=2) + "\n", encoding="utf-8")


def texts(output):
    """Everything a reader can read in one output."""
    if output.output_type == "stream":
        yield output.text
    elif output.output_type == "error":
        yield "\n".join([f"{output.ename}: {output.evalue}", *output.traceback])
    else:
        yield from (value for mime, value in output.data.items() if mime.startswith("text/"))


def is_png(output):
    encoded = output.get("data", {}).get("image/png", "")
    return base64.b64decode(encoded).startswith(b"\x89PNG\r\n")


def complaints(notebook):
    """What is wrong with an executed notebook, as sentences; none if it is right."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not cells:
        yield "it has no code. Write a cell."
    printed = images = 0
    for number, cell in enumerate(cells, start=1):
        if cell.execution_count is None:
            yield f"code cell {number} was not executed. Look for a failure before it."
        for output in cell.outputs:
            images += is_png(output)
            for text in texts(output):
                printed += bool(text.strip())
                plain = ANSI.sub("", text)
                found = EXCEPTION.search(plain)
                if found or output.output_type == "error":
                    yield f"code cell {number} shows an exception:\n{plain.strip()}"
    if not printed:
        yield "no cell printed anything. Show the results."
    if not images:
        yield "no cell shows an image. Draw a chart."


def without_outputs(notebook):
    """What was shown by an earlier run must not pass for the result of this one."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    return notebook


class PatientClient(NotebookClient):
    """Speaks to the kernel only when it listens on all its ports, and a moment later.

    The kernel opens its ports before it knows what to do with a message: one that waits at the door ends its thread.
    """

    async def async_start_new_kernel(self, **kwargs):
        await super().async_start_new_kernel(**kwargs)
        connection = self.km.get_connection_info()
        deadline = time.monotonic() + START_SECONDS
        for port in (value for key, value in connection.items() if key.endswith("_port")):
            while time.monotonic() < deadline and await self.km.is_alive():
                try:
                    _, writer = await asyncio.open_connection(connection["ip"], port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        await asyncio.sleep(1)


def join_streams(outputs):
    """The kernel sends each line on its own; neighbours of one stream become one output."""
    joined = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before and before.output_type == output.output_type == "stream" and before.name == output.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def execute(path, work):
    """The notebook with its outputs, and what went wrong, if anything did."""
    folder = work / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, START_ATTEMPTS + 1):
        failure = None
        notebook = without_outputs(nbformat.read(path, as_version=4))
        client = PatientClient(
            notebook,
            kernel_name=KERNEL,
            timeout=CELL_SECONDS,
            startup_timeout=START_SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as e:
            failure = f"{type(e).__name__}: {ANSI.sub('', str(e)).strip()}"
        except RuntimeError as e:  # the kernel did not start
            failure = f"{e} (attempt {attempt} of {START_ATTEMPTS})"
            continue
        break
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = join_streams(cell.outputs)
    nbformat.write(notebook, work / path.name)
    return notebook, failure


def main(path, work):
    for left_over in ("run", "tmp"):
        shutil.rmtree(work / left_over, ignore_errors=True)
    write_kernel(work)
    os.environ["JUPYTER_PATH"] = str(work / "jupyter")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(work / "runtime")
    started = time.monotonic()
    notebook, failure = execute(path, work)
    wrong = [failure] if failure else list(complaints(notebook))
    for each in wrong:
        print(f"Cannot accept {path.name}: {each}", file=sys.stderr)
    if wrong:
        return 1
    images = sum(is_png(output) for cell in notebook.cells for output in cell.get("outputs", []))
    print(f"{path.name}: executed in {time.monotonic() - started:.0f} s, {images} image(s), see {work / path.name}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"Cannot execute a notebook: a file and a folder are needed, not {sys.argv[1:]}. Run ci/notebook FILE.ipynb.")
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
