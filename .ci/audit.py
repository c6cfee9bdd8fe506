"""Audit what is installed: a known vulnerability fails, an advisory service out of reach does not."""

import json
import subprocess
import sys
from typing import Any

_LONGEST_SECONDS = 180


def main() -> int:
    """Run pip-audit and tell what it found."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--skip-editable", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--timeout", "20"], capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS
        )
    except subprocess.TimeoutExpired:
        print("Nothing was audited: the advisory service did not answer in time.")
        return 0
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"Nothing was audited: the advisory service could not be reached ({last[:200]}).")
        return 0
    text, code = judge(dependencies)
    print(text)
    return code


def judge(dependencies: list[dict[str, Any]]) -> tuple[str, int]:
    """Say what pip-audit's report comes to, and the exit code."""
    audited = [each for each in dependencies if "skip_reason" not in each]
    lines = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for each in audited
        for found in each["vulns"]
    ]
    if lines:
        return "\n".join(lines), 1
    if not audited:
        return f"Nothing was audited: the advisory service knows none of {len(dependencies)} packages.", 0
    unknown = len(dependencies) - len(audited)
    told = f", {unknown} are not known to the service" if unknown else ""
    return f"No known vulnerability in {len(audited)} packages{told}.", 0


if __name__ == "__main__":
    sys.exit(main())
