"""Measure shallownet beside its peers and beside what the machine allows.

python bench/compare.py                          # everything, in three quarters of an hour; writes bench/results/
python bench/compare.py --parts predict search   # only these parts; their figures replace the stored ones
python bench/compare.py --quick                  # a look: fewer and shorter rounds, nothing written
python bench/compare.py --shapes 1797x64-100-10-200 --peers torch
python bench/compare.py --report                 # write the reports from what is stored, measuring nothing
"""

import sys

from measuring.settings import restart_without_settings

if __name__ == "__main__":
    restart_without_settings()

    from command_line import main  # imports NumPy, whose BLAS reads its settings then

    main(sys.argv[1:], __doc__)
