"""A process that writes a history: `writer_process.py FOLDER BYTES_A_LINE COUNT [LIMIT]`.

Prints the number of each acknowledged entry, or the error that ended it; with LIMIT no file may grow beyond it.
"""

import os
import resource
import sys
from pathlib import Path

from store_help import line_1

from forkcli.core.entries import Notice
from forkcli.errors import ForkError
from forkcli.store.agent_files import HISTORY, create_agent, open_agent


def main() -> None:
    folder, size, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
    try:
        if (folder / HISTORY).exists():
            files, _, _ = open_agent(folder)
        else:
            files = create_agent(folder)
            files.append([line_1()], sync=True)
        for _ in range(count):
            entries = files.append([Notice("x" * size)], sync=True)
            os.write(1, b"%d\n" % entries[-1].seq)
    except ForkError as error:
        os.write(1, f"{error.kind.name}: {error.sentence}\n".encode())


if __name__ == "__main__":
    main()
