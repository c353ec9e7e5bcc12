(line 3: program-start: O9010 is no program number)
%
O9010
G21
M30
%
