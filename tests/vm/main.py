"""make vm-test: the packages in a Debian 12 machine with systemd, serial lines and SocketCAN, and what a depot does to them.

    main.py --images DIR --deb FILE --sim-deb FILE --depotsim PROGRAM [--cuts N] [--seed N] [--only WORD] [--keep]

Chargers, meters, readers and the platform are outside, on the host: they live on when the machine is cut off."""

import argparse
import base64
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from machine import Failed, Machine, run
from outside import CHARGERS, Site

TESTS = []

CAN0 = """[Unit]
Description=SocketCAN interface of a serial adapter
Before=depotd.service
[Service]
Type=forking
ExecStart=/usr/bin/slcand -o -c -s5 {port} can0
ExecStartPost=/bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do ip link set can0 txqueuelen 100 up && exit 0; sleep 0.2; done; exit 1'
Restart=always
[Install]
WantedBy=multi-user.target
"""


def test(function):
    """One test; they run in the order of this file on one machine."""
    TESTS.append(function)
    return function


class Yard:
    """The machine, the site outside, and what is often asked of them."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.random = random.Random(options.seed)
        payload = work / "payload"
        payload.mkdir()
        shutil.copy(options.deb, payload / "depotd.deb")
        shutil.copy(options.sim_deb, payload / "depotd-sim.deb")
        newer(options.deb, payload / "newer.deb", work)
        self.site = Site(work, options.depotsim, options.seed)
        self.machine = Machine(options.images, work, payload, self.site.lines)

    def configure(self):
        """Puts the site's configuration where the package wants it."""
        text, secrets = self.site.configuration()
        self.machine.do("install -d -m 0755 /etc/depotd/secrets")
        for name, octets in secrets.items():
            self.put(f"/etc/depotd/secrets/{name}", octets, "0600", "depotd")
        self.put("/etc/depotd/depotd.toml", text.encode(), "0644")

    def put(self, path, octets, mode="0644", owner="root"):
        """Writes a file inside."""
        coded = base64.b64encode(octets).decode()
        self.machine.do(f"echo {coded} | base64 -d > {path} && chmod {mode} {path} && chown {owner} {path}")

    def attach_can(self):
        """Makes a SocketCAN interface of the serial adapter of the chargers' bus, as a gateway with such an adapter does."""
        port = Path(self.site.port_of(CHARGERS)).name
        self.put("/etc/systemd/system/can0.service", CAN0.format(port=port).encode())
        self.machine.do("systemctl daemon-reload; systemctl enable --now can0.service")
        self.machine.until("ip link show can0 | grep -q ,UP", 30)

    def records(self):
        """How many records the ledger holds."""
        return int(self.machine.do("depotctl records --limit 1000000 --json | grep -o '\"number\"' | wc -l"))

    def until_records(self, more, patience=180):
        """Waits until the ledger holds so many more."""
        goal = self.records() + more
        self.machine.until(f"test $(depotctl records --limit 1000000 --json | grep -o '\"number\"' | wc -l) -ge {goal}", patience)

    def ledger_is_good(self):
        """The chain, the totals, the database."""
        self.machine.do("runuser -u depotd -- depotctl verify --config /etc/depotd/depotd.toml --db /var/lib/depotd/depotd.db", patience=120)

    def pid(self):
        """Of the daemon."""
        return self.machine.do("systemctl show -P MainPID depotd").strip()


def newer(deb, to, work):
    """The same package with a higher version, as an upgrade brings it."""
    tree = work / "newer"
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines()
    lines = [line + "+vm1" if line.startswith("Version: ") else line for line in lines]
    control.write_text("\n".join(lines) + "\n")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, to)


def check(holds, what):
    """One thing that must be so."""
    if not holds:
        raise Failed(what)


@test
def a_fresh_install_runs_with_the_configuration_as_shipped(yard):
    machine = yard.machine
    machine.do("dpkg -i /payload/depotd.deb", patience=180)
    check(machine.do("systemctl is-active depotd").strip() == "active", "the service does not run after the install")
    machine.do("depotd check --config /etc/depotd/depotd.toml && depotctl status")
    security = machine.do("systemd-analyze security depotd --no-pager | tail -1")
    print(f"    {security.strip()}")


@test
def it_charges_over_serial_lines_and_socketcan_once_it_is_configured(yard):
    yard.configure()
    yard.attach_can()
    yard.machine.do("depotd check --config /etc/depotd/depotd.toml && systemctl restart depotd")
    yard.until_records(2, patience=240)
    status = yard.machine.do("systemctl show -P StatusText depotd").strip()
    check(status, "systemctl status shows no text")
    print(f"    {status}")


@test
def a_reload_takes_a_good_file_and_refuses_a_bad_one(yard):
    machine, before = yard.machine, yard.pid()
    machine.do("systemctl reload depotd")
    machine.do("cp /etc/depotd/depotd.toml /tmp/good; echo 'nonsense = 1' >> /etc/depotd/depotd.toml")
    check(not machine.ends_well("systemctl reload depotd"), "a bad file was taken by the reload")
    machine.do("cp /tmp/good /etc/depotd/depotd.toml; systemctl reload depotd")
    check(yard.pid() == before, "a reload restarted the daemon")


@test
def a_stop_keeps_sessions_and_the_next_start_adopts_them(yard):
    machine = yard.machine
    machine.until("depotctl connectors | grep -q charging", 180)
    machine.do("systemctl stop depotd", patience=150)
    yard.ledger_is_good()
    machine.do("systemctl start depotd")
    yard.until_records(2)


@test
def a_killed_daemon_is_started_again(yard):
    machine, before = yard.machine, yard.pid()
    machine.do(f"kill -9 {before}")
    took = machine.until(f"test $(systemctl show -P MainPID depotd) -ne {before} -a $(systemctl show -P MainPID depotd) -ne 0 && systemctl is-active -q depotd", 60, 0.2)
    print(f"    running again after {took:.1f} s")
    yard.until_records(1)
    yard.ledger_is_good()


@test
def a_daemon_that_starves_is_ended_by_the_watchdog(yard):
    machine, before = yard.machine, yard.pid()
    machine.do(f"kill -STOP {before}")
    took = machine.until(f"test $(systemctl show -P MainPID depotd) -ne {before} && systemctl is-active -q depotd", 200, 1)
    check(machine.ends_well("journalctl -u depotd | grep -qi watchdog"), "the journal does not name the watchdog")
    print(f"    running again after {took:.1f} s")
    yard.until_records(1)


@test
def a_full_disk_costs_no_session_and_is_over_when_there_is_room(yard):
    machine = yard.machine
    machine.do("dd if=/dev/zero of=/var/lib/depotd/filler bs=1M 2>/dev/null; sync; df /var/lib/depotd | tail -1; true")
    time.sleep(20)
    check(yard.pid() != "0", "the daemon ended on a full disk")
    machine.do("rm /var/lib/depotd/filler")
    yard.until_records(2, 240)
    yard.ledger_is_good()


@test
def steps_of_the_clock_change_no_session(yard):
    machine = yard.machine
    for step in ("+1 hour", "-2 hours", "+1 hour"):
        machine.do(f"date -s '{step}'")
        yard.until_records(1, 240)
    yard.ledger_is_good()


@test
def an_upgrade_keeps_the_sessions(yard):
    machine = yard.machine
    machine.until("depotctl connectors | grep -q charging", 180)
    machine.do("dpkg -i /payload/newer.deb", patience=240)
    check(machine.ends_well("systemctl is-active -q depotd"), "the service does not run after the upgrade")
    check("+vm1" in machine.do("dpkg-query -f '${Version}' -W depotd"), "the upgrade did not come")
    yard.until_records(2)
    yard.ledger_is_good()


@test
def a_downgrade_is_possible_and_keeps_the_ledger(yard):
    yard.machine.do("dpkg -i --force-downgrade /payload/depotd.deb", patience=240)
    yard.until_records(1)
    yard.ledger_is_good()


@test
def power_cuts_lose_nothing_that_was_committed_or_acknowledged(yard):
    for number in range(yard.options.cuts):
        yard.machine.until("depotctl connectors | grep -q charging", 240)
        time.sleep(yard.random.uniform(0.0, 6.0))
        before = yard.records()
        yard.machine.cut()
        yard.machine.start()
        yard.machine.until("systemctl is-active -q depotd && depotctl status", 120)
        after = yard.records()
        check(after >= before, f"{before} records were committed, {after} are there after the cut")
        yard.ledger_is_good()
        print(f"    cut {number + 1}: {after} records, good")


@test
def every_record_reaches_the_platform_once(yard):
    # The people of the depot are sent home: nobody begins anything new.
    print(f"    {yard.site.depot.say('close')}")
    yard.machine.until("test \"$(depotctl records --unsent --json | tr -d '[:space:]')\" = '[]' -a -z \"$(depotctl connectors | grep -E 'charging|starting|stopping|settling')\"", 400, 2)
    number = yard.records()
    yard.machine.do("systemctl stop depotd", patience=150)
    status, said = yard.site.platform.end()
    (yard.work / "reconciliation").write_text(said)
    # A clock that was set an hour wrong is refused at the login, rightly, until it is right again.
    refused = "complaint: 5.2: login refused with 2"
    complaints = [line for line in said.splitlines() if line.startswith("complaint") and line != refused]
    clean = status in (0, 65) and not complaints and "once each, 0 missing, 0 open" in said
    check(clean, f"the platform's reconciliation is not clean: see {yard.work}/reconciliation\n{said[-2000:]}")
    print(f"    {number} records, each once")


@test
def removal_keeps_the_ledger_and_purge_asks_for_nothing(yard):
    machine = yard.machine
    machine.do("dpkg -r depotd", patience=120)
    check(machine.ends_well("test -e /var/lib/depotd/depotd.db"), "a removal deleted the ledger")
    machine.do("dpkg -i /payload/depotd.deb && systemctl is-active depotd", patience=180)
    yard.ledger_is_good()
    machine.do("dpkg --purge depotd", patience=120)
    check(not machine.ends_well("test -e /etc/depotd/depotd.toml"), "a purge left the configuration")
    machine.do("dpkg -i /payload/depotd.deb /payload/depotd-sim.deb && systemctl is-active depotd", patience=180)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--deb", type=Path, required=True)
    parser.add_argument("--sim-deb", type=Path, required=True)
    parser.add_argument("--depotsim", type=Path, required=True)
    parser.add_argument("--cuts", type=int, default=25)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true", help="leave logs and disks")
    options = parser.parse_args()
    options.images = options.images.resolve()
    print(f"vm: seed {options.seed}, {options.cuts} power cuts", flush=True)
    work = Path(tempfile.mkdtemp(prefix="depotd-vm-"))
    yard, failed = None, None
    try:
        yard = Yard(options, work)
        yard.machine.start()
        for function in TESTS:
            if options.only and options.only not in function.__name__:
                continue
            began = time.monotonic()
            print(f"  {function.__name__.replace('_', ' ')} ...", flush=True)
            function(yard)
            print(f"    ok, {time.monotonic() - began:.0f} s", flush=True)
    except Failed as why:
        failed = why
        if yard and yard.machine.qemu:
            try:
                print(yard.machine.do("journalctl -u depotd -n 40 --no-pager", check=False))
            except Failed as also:
                print(f"and: {also}")
    finally:
        if yard:
            if yard.machine.qemu:
                yard.machine.stop()
            for program in (yard.site.depot, yard.site.platform):
                program.process.kill()
    if failed:
        print(f"vm: FAILED: {failed}\nvm: logs are in {work}")
        return 1
    if not options.keep:
        shutil.rmtree(work)
    print("vm: all good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
