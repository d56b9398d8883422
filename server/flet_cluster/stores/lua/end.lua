-- Tell how far the app's stream has come; let it begin, or go on after a number that it has lost.
-- KEYS: 1 end
-- ARGV: 1 a number that it once had, or 0
-- Returns {number of the end}.

local t = redis.call('TIME')
local micros = t[1] * 1000000 + t[2]
local last = tonumber(redis.call('GET', KEYS[1]) or 0)
if last == 0 or last < tonumber(ARGV[1]) then
  last = math.max(micros, ARGV[1] + 1)
  redis.call('SET', KEYS[1], string.format('%.0f', last))
end
return {last}
