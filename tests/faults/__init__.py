"""What may happen to a run: processes killed or stopped, disks full, files damaged, evaluators that misbehave."""
