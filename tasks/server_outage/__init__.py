"""When Prefect's server is lost or unusable, the work goes on without it: the store is the truth."""
