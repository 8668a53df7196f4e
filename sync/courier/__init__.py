"""The courier: ops carried by hand where no wire leads; `giving` makes a bundle, `taking` takes one in (S8)."""
