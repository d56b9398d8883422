-- Replace a session's state: a compare-and-set on (epoch, owner, n - 1 -> n).
-- KEYS: 1 record, 2 tombstone
-- ARGV: 1 owner, 2 timeout, 3 grace, 4 epoch, 5.. the commit's fields (5 is n)
-- Returns {'ok', moved earlier}, {'deleted'}, {'lost'} (the record is gone or older than this lease) or
--         {'fenced', owner, epoch}. Repeating the very same commit is a success.

local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'commit', 'deadline')
local epoch, n = tonumber(ARGV[4]), tonumber(ARGV[5])
if not held[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'deleted'} end
if not held[1] or tonumber(held[1]) < epoch then return {'lost'} end
local behind = n - tonumber(held[3])
if tonumber(held[1]) ~= epoch or held[2] ~= ARGV[1] or behind < 0 then
  return {'fenced', held[2], tonumber(held[1])}
end
if behind > 1 then return {'lost'} end
if behind == 0 and not same_commit(KEYS[1], 5) then return {'fenced', held[2], epoch} end
return {'ok', save(KEYS[1], commit_fields(5), held[4], ARGV[2], ARGV[3])}
