"""Messages as files: each handed out once, whoever wrote it, and nothing but real files."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_help import begun, made

from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.errors import ForkError
from forkcli.store.agent_files import AgentDir, open_agent
from forkcli.store.inbox import (
    FROM_LIMIT,
    MESSAGE_LIMIT,
    TAKE_LIMIT,
    Inbox,
    messages_from,
    put_message,
    sender_of,
    unread,
)


@pytest.fixture
def files(tmp_path: Path) -> AgentDir:
    return begun(made(tmp_path))


def drop(files: AgentDir, name: str, text: str | bytes, order: int = 0) -> Path:
    path = files.folder / "inbox" / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, ns=(10**18 + order, 10**18 + order))
    return path


@pytest.mark.parametrize(
    ("name", "sender"),
    [
        ("0001-main.md", "main"),
        ("12-f2.md", "f2"),
        ("3-s11.md", "s11"),
        ("4-j1.md", "j1"),
        ("0005-user.md", "user"),
        ("0005-system.md", "user"),
        ("0005-f0.md", "user"),
        ("0005-f2.txt", "user"),
        ("-f2.md", "user"),
        ("note.md", "user"),
        ("0001-f2.md.md", "user"),
        ("0001-f2\n.md", "user"),
    ],
)
def test_only_a_proper_name_speaks_for_an_agent(name: str, sender: str) -> None:
    assert sender_of(name) == sender


def test_messages_come_oldest_first_and_once(files: AgentDir) -> None:
    drop(files, "0002-f2.md", "second", 5)
    drop(files, "0001-f1.md", "first", 5)
    drop(files, "a note", "zeroth", 1)

    taken = [("user", "zeroth", "a note"), ("f1", "first", "0001-f1.md"), ("f2", "second", "0002-f2.md")]
    assert files.take_inbox() == taken
    assert files.take_inbox() == []
    files.inbox_done([name for _, _, name in taken])
    assert files.take_inbox() == []
    assert len(os.listdir(files.folder / "inbox")) == 3


def test_a_message_is_new_until_the_history_holds_it(files: AgentDir) -> None:
    drop(files, "done.md", "recorded")
    drop(files, "lost.md", "handed out to a process that was killed")
    files.take_inbox()
    files.append([e.Message("user", "recorded", file="done.md")], sync=True)
    files.close()
    again, _, _ = open_agent(files.folder)

    assert [name for _, _, name in again.take_inbox()] == ["lost.md"]
    drop(again, "late.md", "x")
    again.inbox_done(["late.md", "never there.md"])
    assert again.take_inbox() == []


def test_a_file_that_is_written_anew_is_another_message(files: AgentDir) -> None:
    drop(files, "note.md", "one")
    files.take_inbox()
    drop(files, "note.md", "two", 9)

    assert files.take_inbox() == [("user", "two", "note.md")]


def test_only_regular_files_that_hold_something_are_messages(files: AgentDir, tmp_path: Path) -> None:
    inbox = files.folder / "inbox"
    secret = tmp_path / "secret"
    secret.write_text("token")
    (inbox / "link.md").symlink_to(secret)
    (inbox / "folder.md").mkdir()
    os.mkfifo(inbox / "pipe.md")
    (inbox / "empty.md").touch()
    drop(files, ".0001-f1.md.tmp", "not yet")
    assert files.take_inbox() == []

    drop(files, "empty.md", "now it is written")
    assert files.take_inbox() == [("user", "now it is written", "empty.md")]


def test_undecodable_bytes_are_replaced(files: AgentDir) -> None:
    drop(files, "x.md", b"caf\xe9 \xf0\x9f\x98\x80")

    assert files.take_inbox()[0][1] == "caf\ufffd 😀"


def test_a_long_message_is_told_by_its_ends_and_its_path(files: AgentDir) -> None:
    drop(files, "long.md", "first line\n" + "x\n" * 20_000 + "last line\n")
    [(_, text, _)] = files.take_inbox()

    assert text.startswith("first line\n")
    assert text.endswith("last line\n")
    assert "40,021 bytes in 20,002 lines, whole in .fork/sessions/" in text
    assert len(text) < 9_000


def test_of_a_huge_message_only_the_ends_are_read(files: AgentDir) -> None:
    path = drop(files, "huge.md", "begin\n")
    with path.open("r+b") as file:
        file.truncate(1 << 36)  # more than could be read
        file.seek(-4, os.SEEK_END)
        file.write(b"end\n")
    [(_, text, _)] = files.take_inbox()

    assert "binary data, not shown" in text
    path.write_bytes(b"line\n" * MESSAGE_LIMIT)
    [(_, text, _)] = files.take_inbox()
    assert "5,242,880 bytes, whole in" in text


def test_many_messages_come_in_portions(files: AgentDir) -> None:
    for number in range(TAKE_LIMIT + 3):
        drop(files, f"{number:04d}-f1.md", str(number), number)

    assert [len(files.take_inbox()) for _ in range(3)] == [TAKE_LIMIT, 3, 0]


def test_what_cannot_be_read_is_left_for_later(files: AgentDir) -> None:
    inbox = Inbox(files.folder / "inbox", files.folder.parents[4])
    drop(files, "x.md", "hello")
    assert inbox._read("gone.md") is None
    unreadable = type("Unreadable", (Inbox,), {"_read": lambda self, name: None})(files.folder / "inbox", Path("/"))

    assert unreadable.take() == []
    assert inbox.take() == [("user", "hello", "x.md")]


def test_an_inbox_that_is_gone_holds_nothing(files: AgentDir) -> None:
    (files.folder / "inbox").rmdir()

    assert files.take_inbox() == []


def test_a_message_is_put_whole_under_the_next_number(files: AgentDir) -> None:
    inbox = files.folder / "inbox"
    drop(files, "0041-f1.md", "old")
    drop(files, "note.md", "x")
    paths = [put_message(inbox, "f2", "a\ud800"), put_message(inbox, "user", "b")]

    assert [path.name for path in paths] == ["0042-f2.md", "0043-user.md"]
    assert [(sender, text) for sender, text, _ in files.take_inbox()][2:] == [("f2", "a?"), ("user", "b")]
    assert not [name for name in os.listdir(inbox) if name.startswith(".")]


def test_senders_at_one_time_do_not_write_over_each_other(files: AgentDir) -> None:
    inbox = files.folder / "inbox"

    def send(word: str) -> None:
        for number in range(12):
            put_message(inbox, "f1", f"{word} {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, "abcd"))

    assert {text for _, text, _ in files.take_inbox()} == {
        f"{word} {number}" for word in "abcd" for number in range(12)
    }


def test_a_taken_number_is_passed_over(files: AgentDir) -> None:
    inbox = files.folder / "inbox"
    (inbox / "0000-f2.md").symlink_to("nowhere")
    (inbox / "0001-f2.md").symlink_to("nowhere")

    assert put_message(inbox, "f2", "x").name == "0002-f2.md"


def test_a_message_that_cannot_be_written_leaves_nothing(files: AgentDir) -> None:
    inbox = files.folder / "inbox"
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))
    try:
        with pytest.raises(ForkError, match="beyond the allowed size"):
            put_message(inbox, "f2", "x" * (2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    assert os.listdir(inbox) == []


def test_nothing_is_put_into_an_inbox_that_is_a_link(files: AgentDir, tmp_path: Path) -> None:
    inbox = files.folder / "inbox"
    inbox.rename(tmp_path / "moved")
    inbox.symlink_to(tmp_path / "moved")

    with pytest.raises(ForkError, match="is a symbolic link"):
        put_message(inbox, "f2", "x")


def test_a_message_in_the_history_says_which_file_is_done(files: AgentDir) -> None:
    history = History()
    drop(files, "0001-f1.md", "hi")
    for sender, text, name in files.take_inbox():
        for entry in files.append([e.Message(sender, text, file=name)], sync=True):
            history.add(entry)

    assert history.entries[0].body == e.Message("f1", "hi", file="0001-f1.md")


def test_no_number_that_somebody_drops_makes_the_next_sender_another(files: AgentDir) -> None:
    for name in ("999999999-user.md", "100000000-f1.md", "٣٣-f1.md"):
        drop(files, name, "x")
    path = put_message(files.folder / "inbox", "f2", "from f2")
    assert sender_of(path.name) == "f2"


def test_what_is_no_message_is_not_counted_as_one_that_waits(files: AgentDir, tmp_path: Path) -> None:
    inbox = files.folder / "inbox"
    os.mkfifo(inbox / "pipe")
    (inbox / "folder").mkdir()
    (inbox / "link").symlink_to(tmp_path)
    drop(files, "0001-f1.md", "one")
    assert unread(inbox, set()) == 1


def test_many_long_messages_do_not_fill_the_context_at_one_step(files: AgentDir) -> None:
    for number in range(20):
        drop(files, f"{number + 1:04d}-f1.md", "x" * 16_000, number)
    portions = [[name for _, _, name in files.take_inbox()] for _ in range(4)]
    assert [len(names) for names in portions] == [7, 7, 6, 0]
    names = [name for portion in portions for name in portion]
    assert names == sorted(names)


def test_an_inbox_of_thousands_of_files_of_all_kinds_is_taken_in_portions(files: AgentDir, tmp_path: Path) -> None:
    inbox = files.folder / "inbox"
    for number in range(2_000):
        drop(files, f"{number + 1}-f1.md" if number % 2 else f"note \x1b[2J\n{number}", "hello", number)
    os.mkfifo(inbox / "pipe")
    (inbox / "link").symlink_to("/dev/zero")
    taken = [message for _ in range(3) for message in files.take_inbox()]
    assert len(taken) == 3 * TAKE_LIMIT
    assert {sender for sender, _, _ in taken} == {"f1", "user"}
    assert len(messages_from(inbox, "f1")) == FROM_LIMIT
    assert put_message(inbox, "f2", "x").name == "2001-f2.md"
