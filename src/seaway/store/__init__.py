"""Where what was asked for is kept: in memory alone, or in an SQLite file as well."""
