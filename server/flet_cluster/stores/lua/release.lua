-- Give a session up, keeping its state.
-- KEYS: 1 record, 2 tombstone
-- ARGV: 1 owner, 2 timeout, 3 grace, 4 epoch, 5.. what has happened to it: pairs of milliseconds ago, what
-- Returns {'ok', moved earlier}, {'stale'} or {'lost'}. Repeating one's own release is a success.

if redis.call('EXISTS', KEYS[2]) == 1 then return {'stale'} end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'deadline')
local epoch = tonumber(ARGV[4])
if not held[1] or tonumber(held[1]) < epoch then return {'lost'} end
if tonumber(held[1]) ~= epoch then return {'stale'} end
-- A repetition must not move the deadline: it may come late, when the session has expired.
if held[2] == '' then return {'ok', 0} end
if held[2] ~= ARGV[1] then return {'stale'} end
local lines = lines_from(5)
lines[#lines + 1] = line(0, 'released ' .. ARGV[1])
note(KEYS[1], lines)
return {'ok', save(KEYS[1], {'owner', ''}, held[3], ARGV[2], ARGV[3])}
