#!/bin/sh
# Starts a Slurm of three nodes on this machine, runs a command that sees it, and stops all of it.
#
#   tests/slurm/run.sh sbatch --wait --wrap hostname
#
# Needs Debian's packages, and root: apt-get install slurmctld slurmd slurm-client munge
# Everything lies in a folder of its own below $TMPDIR: no service of the system is touched. There is no accounting
# (no slurmdbd), so `sacct` does not work here. What lies in $AFFEKT_SLURM_HOME/disk the nodes see in $AFFEKT_SLURM_HOME/nodes,
# which is empty for everybody else.
set -eu

for program in munged slurmctld slurmd sbatch; do
  if ! PATH=$PATH:/usr/sbin command -v "$program" >/dev/null; then
    echo "tests/slurm/run.sh: there is no $program: apt-get install slurmctld slurmd slurm-client munge" >&2
    exit 3
  fi
done
PATH=$PATH:/usr/sbin
home=$(mktemp -d)
pids=
stop() {
  # Those started last go first: jobs, then nodes, then their controller.
  scancel --full --quiet --me 2>/dev/null || true
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  for pid in $pids; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.3; done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$home"
}
trap stop EXIT
trap 'exit 130' INT TERM

host=$(hostname -s)
cpus=$(nproc)
port=$((20000 + $$ % 20000))
chmod 755 "$home"
mkdir "$home/munge" "$home/state" "$home/spool" "$home/disk" "$home/nodes"
dd if=/dev/urandom of="$home/munge/key" bs=1024 count=1 2>/dev/null
chmod 700 "$home/munge"
chmod 400 "$home/munge/key"
cat >"$home/slurm.conf" <<END
ClusterName=affekt
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge/socket
CredType=cred/munge
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool/%n
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd-%n.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=3600
KillWait=5
SlurmdTimeout=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=$cpus State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=$cpus State=UNKNOWN
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 3)) CPUs=$cpus State=UNKNOWN
PartitionName=low Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=n[1-3] MaxTime=INFINITE State=UP PriorityTier=10
END
export SLURM_CONF="$home/slurm.conf"

munged --foreground --force --key-file="$home/munge/key" --socket="$home/munge/socket" \
  --pid-file="$home/munge/pid" --log-file="$home/munge/log" --seed-file="$home/munge/seed" >/dev/null 2>&1 &
pids="$! $pids"
while [ ! -S "$home/munge/socket" ]; do sleep 0.1; done
slurmctld -D -c -f "$SLURM_CONF" >/dev/null 2>&1 &
pids="$! $pids"
for node in n1 n2 n3; do
  unshare --mount sh -c 'mount --bind "$1/disk" "$1/nodes" && exec slurmd -D -f "$SLURM_CONF" -N "$2"' \
    sh "$home" "$node" >/dev/null 2>&1 &
  pids="$! $pids"
done
tries=0
until [ "$(sinfo --noheader --Node --partition=low --states=idle 2>/dev/null | wc -l)" -eq 3 ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 120 ]; then
    echo "tests/slurm/run.sh: the nodes do not come up:" >&2
    tail -n 20 "$home"/*.log >&2
    exit 1
  fi
  sleep 0.5
done
AFFEKT_SLURM_HOME="$home" AFFEKT_TEST_SLURM=1 "$@"
