"""Reconcile: it closes what calls that ended early have left behind."""
