(line 3: program-start: O100000 is no program number)
%
O100000
G21
M30
%
