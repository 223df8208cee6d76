SELECT (SELECT count(*) FROM regions) + (SELECT count(*) FROM rollups) + (SELECT count(*) FROM traffic)
  + (SELECT count(*) FROM latency) + (SELECT count(*) FROM events)
