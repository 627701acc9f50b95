"""Use cases, one file per noun: one method is one transaction. Only here core and store meet."""
