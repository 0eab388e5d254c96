-- wrk: send the bytes of the file BENCH_REQUEST again and again; end with one line of JSON.
local raw

function init(args)
  local file = assert(io.open(os.getenv("BENCH_REQUEST"), "rb"))
  raw = file:read("*a")
  file:close()
end

function request()
  return raw
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
