"""Use cases, one file per noun: one method is one transaction. The only callers of core and store together."""
