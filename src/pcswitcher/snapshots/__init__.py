"""Subvolumes and snapshots of btrfs: found, made, listed, deleted."""
