import os
from pathlib import Path

from forkcli.workspace.secrets import find_secrets


def _made(home: Path, *names: str) -> None:
    for name in names:
        place = home / name
        if name.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("secret")


def test_only_secrets_that_exist_are_hidden(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _made(home, ".ssh/", ".netrc", ".config/gh/", ".config/gcloud/", "notes.txt")
    found = find_secrets({"HOME": str(home)}, tmp_path / "p")
    assert {home / ".ssh", home / ".config/gh", home / ".config/gcloud"} <= set(found.dirs)
    assert home / ".netrc" in found.files
    assert not {home / ".aws", home / "notes.txt"} & {*found.dirs, *found.files}
    assert not (home / ".aws").exists()


def test_a_secret_behind_a_link_is_hidden_where_it_lies(tmp_path: Path) -> None:
    home, dotfiles = tmp_path / "home", tmp_path / "dotfiles"
    home.mkdir()
    _made(dotfiles, "npmrc", "ssh/")
    (home / ".npmrc").symlink_to(dotfiles / "npmrc")
    (home / ".ssh").symlink_to(dotfiles / "ssh")
    (home / ".pypirc").symlink_to(dotfiles / "none")
    found = find_secrets({"HOME": str(home)}, tmp_path / "p")
    assert dotfiles / "ssh" in found.dirs
    assert dotfiles / "npmrc" in found.files


def test_places_that_variables_name_are_hidden_unless_that_would_hide_the_work(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "home/p"
    _made(home, "kube/a", "kube/b", "p/docker/", "xdg/gh/")
    environ = {
        "HOME": str(home),
        "KUBECONFIG": f"{home}/kube/a:{home}/kube/b",
        "DOCKER_CONFIG": str(project / "docker"),
        "GNUPGHOME": str(home),
        "AWS_CONFIG_FILE": "relative",
        "XDG_CONFIG_HOME": str(home / "xdg"),
    }
    found = find_secrets(environ, project)
    assert {home / "kube/a", home / "kube/b"} <= set(found.files)
    assert home / "xdg/gh" in found.dirs
    assert not {home, project / "docker"} & set(found.dirs)


def test_pipes_and_sockets_at_a_secret_place_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".netrc")
    found = find_secrets({"HOME": str(tmp_path)}, tmp_path / "p")
    assert tmp_path / ".netrc" not in found.files
