"""On whose word a crate is opened."""
