-- Read a record.
-- KEYS: 1 record
-- ARGV: none
-- Returns {'missing'} or {'found', epoch, owner, deadline, posted, commit's fields...}.

local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'deadline', 'posted', unpack(FIELDS))
if not held[1] then return {'missing'} end
return {'found', unpack(held)}
