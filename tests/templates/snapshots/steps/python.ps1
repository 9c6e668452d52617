# Miniconda for its Python 3.10, and an environment of its own made by Python itself: no conda channel is asked, so
# the terms of Anaconda's channels need nobody's consent. This release of Miniconda is older than the plug-in that asks.
$Proves = $true
$Version = "$Conda\chatglm-version.txt"
$Test = '-c "import ssl, sys; assert sys.version_info[:2] == (3, 10), sys.version"'
# A note that the power damaged says nothing against a Python that starts.
$Done = {
    $installed = Read-Text $Version
    (Test-Path $Python) -and ($installed -notmatch '^py' -or $installed -eq $Settings.minicondaVersion) -and (Invoke-Native $Python $Test 'python') -eq 0
}
$Do = {
    Stop-Users -All
    # What stands in it goes with it.
    Remove-Item "$State\done\torch", "$State\done\packages" -Force -ErrorAction SilentlyContinue
    foreach ($folder in $Venv, $Conda) {
        Remove-Item $folder -Recurse -Force -ErrorAction SilentlyContinue
        if (Get-ChildItem $folder -ErrorAction SilentlyContinue) { throw (New-Trouble 'python.in-use' '{0} cannot be replaced: something uses it' 'Close what is open in it at the remote desktop.' $folder) }
    }
    $file = Find-Downloads 'python'
    Save-File $file
    # The target comes last and without quotes, or the installer does not take it.
    $code = Invoke-Native $file.path "/InstallationType=AllUsers /RegisterPython=0 /AddToPath=0 /S /D=$Conda" 'python' 15
    # At times it leaves half an installation and says that all went well.
    if ($code -ne 0 -or -not (Test-Path "$Conda\python.exe")) {
        $left = @(Get-ChildItem $Conda -ErrorAction SilentlyContinue | ForEach-Object { $_.Name }) -join ', '
        throw (New-Trouble 'python.installer' 'the Miniconda installer ended with {0} and left: {1}' 'It is cleaned and tried again. Is there room on the disk?' $code, $left)
    }
    Protect-Folder $Conda
    $code = Invoke-Native "$Conda\python.exe" "-m venv $Venv" 'python'
    if ($code -ne 0) { throw (New-Trouble 'python.venv' 'the Python environment cannot be made ({0})' 'See the end of the log.' $code) }
    Save-Text $Version $Settings.minicondaVersion
}
$Check = { if (-not (& $Done)) { throw (New-Trouble 'python.broken' 'Python 3.10 with TLS does not start' 'See the end of the log.') } }
