"""A job for PC-switcher: your own names in /etc/hosts, the same on both PCs."""
