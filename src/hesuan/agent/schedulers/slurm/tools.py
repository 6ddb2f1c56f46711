"""Calling Slurm's commands: with a clean environment, in UTC, as the right user, never waited for long."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hesuan.agent.schedulers.slurm.settings import Become, Settings
from hesuan.errors import Refused, Unavailable, declare

AWAY = declare(
    "agent.slurm_away",
    en="Slurm's `{tool}` did not answer ({problem}). Nothing follows from that; it is asked again.",
    zh="Slurm 的 `{tool}` 没有应答（{problem}）。不据此作任何判断，稍后重试。",
)
SAID_NO = declare(
    "agent.slurm_refused",
    en="Slurm did not take the job: {problem}",
    zh="Slurm 未接收该作业：{problem}",
)
DENIED = declare(
    "agent.limits_denied",
    en="Slurm does not let user {user} set limits of accounts ({problem}). Give it the right by `sacctmgr"
    " modify user {user} set adminlevel=Operator`, or leave `keep_limits` out of site.toml.",
    zh="Slurm 不允许用户 {user} 设置账户限额（{problem}）。请用 `sacctmgr modify user {user} set"
    " adminlevel=Operator` 授权，或从 site.toml 中去掉“keep_limits”。",
)

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
_UNCERTAIN = re.compile(
    r"socket timed out|unable to contact|zero bytes|unexpected message|communication|connect|"
    r"authentication|credential|munge|timed? ?out|temporarily|try again|backup|i/o error",
    re.IGNORECASE,
)
"""What sbatch says when nobody knows whether the controller has the job."""
_DENIED = re.compile(r"privilege|permission denied|access denied", re.IGNORECASE)
_REASON = re.compile(r"^(?:sbatch: )?error: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tools:
    """Slurm's commands of one cluster."""

    settings: Settings

    def read(self, tool: str, *words: str) -> str:
        """What a reading command says.

        Raises:
            Unavailable: ``agent.slurm_away``: no answer, or an error.
        """
        try:
            done = self._call([self._path(tool), *words], user="")
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(AWAY, tool=tool, problem=type(error).__name__) from None
        if done.returncode != 0:
            raise Unavailable(AWAY, tool=tool, problem=_last_line(done.stderr))
        return done.stdout

    def submit(self, words: Sequence[str], *, user: str) -> str:
        """``sbatch --parsable``: the job's id.

        Raises:
            TimeoutError: whether the job is there is not known.
            Refused: ``agent.slurm_refused``: the controller answered, and said no.
        """
        try:
            done = self._call([self._path("sbatch"), "--parsable", *words], user=user)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        except OSError as error:
            raise Refused(SAID_NO, problem=str(error)) from None
        job = done.stdout.strip().split(";")[0]
        if done.returncode or not job.isdigit():
            _refuse(done)
        return job

    def foresee(self, words: Sequence[str], *, user: str) -> str:
        """What ``sbatch --test-only`` says of when such a job would begin; nothing is submitted.

        It answers on standard error, also where it ends well; no answer is an empty text.
        """
        asked = ["--test-only", *words, "--output=/dev/null", "--wrap=true"]
        try:
            return self._call([self._path("sbatch"), *asked], user=user).stderr
        except (OSError, subprocess.TimeoutExpired, KeyError):
            return ""

    def cancel(self, job: str, *, name: str) -> None:
        """``scancel``; a job that is over, unknown to the controller or of another name is no error.

        A number is given again by a controller that lost its memory: by number alone a job of somebody
        else's could be ended, or another run of ours.

        Raises:
            Unavailable: ``agent.slurm_away``.
        """
        try:
            done = self._call([self._path("scancel"), f"--name={name}", job], user="")
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(AWAY, tool="scancel", problem=type(error).__name__) from None
        if done.returncode != 0 and _UNCERTAIN.search(done.stderr):
            raise Unavailable(AWAY, tool="scancel", problem=_last_line(done.stderr))

    def set_limits(self, *words: str) -> None:
        """``sacctmgr modify``.

        Raises:
            Refused: ``agent.limits_denied``.
            Unavailable: ``agent.slurm_away``.
        """
        try:
            done = self._call([self._path("sacctmgr"), "-i", "modify", *words], user="")
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(AWAY, tool="sacctmgr", problem=type(error).__name__) from None
        if done.returncode == 0:
            return
        if _DENIED.search(done.stderr + done.stdout):
            user = pwd.getpwuid(os.geteuid()).pw_name
            raise Refused(DENIED, user=user, problem=_last_line(done.stderr))
        raise Unavailable(AWAY, tool="sacctmgr", problem=_last_line(done.stderr or done.stdout))

    def _path(self, tool: str) -> str:
        return str(self.settings.programs / tool) if self.settings.programs else tool

    def _call(self, words: Sequence[str], *, user: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - Slurm's own commands with our own words
            [*self._as(user), *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=self.settings.answer_s,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            cwd="/",
            check=False,
        )

    def _as(self, user: str) -> list[str]:
        match self.settings.become if user else Become.AGENT:
            case Become.SETPRIV:
                entry = pwd.getpwnam(user)
                numbers = f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"
                return ["setpriv", *numbers, "--init-groups", "--"]
            case Become.SUDO:
                keep = "--preserve-env=SLURM_CONF,SLURM_TIME_FORMAT,TZ"
                return ["sudo", "--non-interactive", keep, "-u", user, "--"]
        return []

    def _environment(self) -> Mapping[str, str]:
        """Nothing of the agent's own, for sbatch hands on what it has."""
        conf = self.settings.conf or os.environ.get("SLURM_CONF")
        base = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", "SLURM_TIME_FORMAT": TIME_FORMAT}
        return {**base, "LANG": "C.UTF-8", **({"SLURM_CONF": str(conf)} if conf else {})}


def _refuse(done: subprocess.CompletedProcess[str]) -> NoReturn:
    said = done.stderr
    if done.returncode == 0 or _UNCERTAIN.search(said):
        raise TimeoutError  # perhaps taken: the answer makes no sense, or there was none
    reasons = [reason.removeprefix("Batch job submission failed: ") for reason in _REASON.findall(said)]
    raise Refused(SAID_NO, problem="; ".join(reasons)[:500] or _last_line(said))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "no word"
