; line 2: program-start: words before BEGIN PGM
0 L Z+20 R0 FMAX
1 END PGM OP10 MM
