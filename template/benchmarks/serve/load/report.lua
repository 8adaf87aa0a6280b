-- Every n-th request asks for another page: `wrk … URL -- N PATH`. Without these, all ask for the URL.
local every, path
local count = 0

function init(arguments)
  every, path = tonumber(arguments[1]), arguments[2]
end

function request()
  count = count + 1
  if every and count % every == 0 then
    return wrk.format("GET", path)
  end
  return wrk.format()
end

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
