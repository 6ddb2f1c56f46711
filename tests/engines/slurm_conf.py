"""The configuration files of the cluster that ``slurm`` starts; short timers, so that faults take seconds."""

CONTROLLER = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={d}/munge/munge.sock,cred_expire=10
CredType=cred/munge
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool/%n
SlurmctldPidFile={d}/run/slurmctld.pid
SlurmdPidFile={d}/run/slurmd.%n.pid
SlurmctldLogFile={d}/log/slurmctld.log
SlurmdLogFile={d}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_min_interval=100000,bf_interval=3
PreemptType=preempt/qos
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=3
MinJobAge=300
MessageTimeout=10
{books}
GresTypes=gpu
DefMemPerCPU=1000
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports} CPUs={cpus} RealMemory={memory} \
Gres=gpu:{chip}:{cards} State=UNKNOWN
PartitionName=train Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 State=UP
"""
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePass={d}/munge/munge.sock
AccountingStoragePort={port}
AccountingStorageTRES=gres/gpu,gres/gpu:{chip}
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits,safe
PriorityType=priority/multifactor
PriorityDecayHalfLife=0
PriorityUsageResetPeriod=YEARLY
PriorityCalcPeriod=1
"""
SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={d}/munge/munge.sock
SlurmUser=slurm
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
LogFile={d}/log/slurmdbd.log
PidFile={d}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={db}
StorageUser=s
StoragePass={word}
StorageLoc=acct
"""
"""Without ``CommitDelay``: with it, a slurmdbd that is killed loses lines that it has acknowledged."""
