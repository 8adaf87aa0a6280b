-- wrk's own summary, exact and readable by machines: a JSON object on one line. Times in microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "bytes": %d, "duration": %d, "p50": %d, "p99": %d, "max": %d, "lost": %d, "refused": %d}\n',
    summary.requests, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max, lost, errors.status
  ))
end
