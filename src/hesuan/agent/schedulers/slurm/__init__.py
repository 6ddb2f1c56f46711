"""Slurm: sbatch, squeue, sacct and scancel, as any user of the cluster would call them."""
