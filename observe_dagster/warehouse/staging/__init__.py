"""Arrow streams as bounded Parquet parts, in a folder or a bucket: how rows reach engines that load from files."""
