-- Sends a workload with wrk, for the harness: several requests in their shares, pipelined, or few on each connection.
--
-- WRK_REQUESTS is the path of a file with the requests, each after a line with its share and its number of bytes.
-- WRK_PIPELINING is how many are sent at a time. With WRK_STATUSES set, answers are counted by status. The summary is
-- that of post.lua, plus `sent` and `statuses`.
--
-- Requests come from a cycle that is shuffled beforehand, so shares are exact. wrk does not tell a script which
-- connection asks for a request, so the one with `Connection: close` ends some connections early, others late.

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "post.lua")

local depth = tonumber(os.getenv("WRK_PIPELINING") or 1)
local rounds = 100 -- how often a cycle repeats the shares: so often that no connection falls into a pattern
local threads = {}

function setup(thread)
   thread:set("checked", #threads == 0) -- wrk asks the first thread for one request only to inspect it
   threads[#threads + 1] = thread
end

local function read_requests()
   local file, kinds = assert(io.open(os.getenv("WRK_REQUESTS"), "rb")), {}
   for line in file:lines() do
      local share, size = line:match("(%d+) (%d+)")
      kinds[#kinds + 1] = { share = tonumber(share), text = file:read(tonumber(size)) }
   end
   file:close()
   return kinds
end

local function shuffle(list)
   for place = #list, 2, -1 do
      local other = math.random(place)
      list[place], list[other] = list[other], list[place]
   end
end

local batches, of_kind, place = {}, {}, 0 -- what is sent at a time, and how many requests of each kind it has

function init(args)
   math.randomseed(1)
   sent, statuses = {}, {}
   local cycle = {}
   for kind, each in ipairs(read_requests()) do
      sent[kind] = 0
      for _ = 1, each.share * rounds do
         cycle[#cycle + 1] = { kind = kind, text = each.text }
      end
   end
   shuffle(cycle)
   for start = 1, #sent == 1 and 1 or #cycle do
      local texts, kinds = {}, {}
      for offset = 0, depth - 1 do
         local next = cycle[((start - 1) * depth + offset) % #cycle + 1]
         texts[#texts + 1] = next.text
         kinds[next.kind] = (kinds[next.kind] or 0) + 1
      end
      batches[start] = depth > 1 and table.concat(texts) or texts[1]
      of_kind[start] = kinds
   end
end

function request()
   if checked then
      checked = false
      return batches[1]
   end
   place = place % #batches + 1
   for kind, count in pairs(of_kind[place]) do
      sent[kind] = sent[kind] + count
   end
   return batches[place]
end

if os.getenv("WRK_STATUSES") then
   function response(status)
      statuses[status] = (statuses[status] or 0) + 1
   end
end

local function add_up(name)
   local total = {}
   for _, thread in ipairs(threads) do
      for key, count in pairs(thread:get(name)) do
         total[key] = (total[key] or 0) + count
      end
   end
   return total
end

-- The keys that `done` in post.lua adds to the summary.
function more()
   local by_status = {}
   for status, count in pairs(add_up("statuses")) do
      by_status[#by_status + 1] = string.format('"%d":%d', status, count)
   end
   return string.format(',"sent":[%s],"statuses":{%s}', table.concat(add_up("sent"), ","), table.concat(by_status, ","))
end
