"""A PC as a place where our code runs: agent, wire, ssh, sudo, programs, locks, deployment."""
