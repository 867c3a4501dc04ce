"""CronJob: makes a Job at every time of a schedule.

watches        cronjobs, jobs
owns           Jobs that carry a controller reference to a CronJob
writes         jobs (create, delete), cronjobs/status, events
never touches  pods; the CronJob's spec

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""
