# Files by PowerShell's own commands: names in any case, and nothing is removed or renamed that somebody has open.
# A path of another provider (registry, certificates, WinRM, functions) goes to that provider's stand-in.
function global:ConvertTo-WorldPath($Path) {
    foreach ($one in $Path) {
        if ($one -is [IO.FileSystemInfo]) { [World.Drive]::Spell($one.FullName) } else { [World.Drive]::Normal("$one") }
    }
}

function global:Test-WorldWildcard([string]$Path) { $Path.IndexOfAny([char[]]'*?[') -ge 0 }

function global:Assert-WorldUnused([string[]]$Path) {
    foreach ($one in $Path) {
        if (-not [World.Drive]::IsOurs($one) -or (Test-WorldWildcard $one)) { continue }
        $held = [World.Sharing]::Holder([World.Drive]::Real($one), $true)
        if ($held -and (Microsoft.PowerShell.Management\Test-Path -LiteralPath $one)) {
            throw [IO.IOException]::new("The process cannot access the file '$one' because it is being used by another process.", -2147024864)
        }
    }
}

function global:Assert-WorldSpace([string]$Path) { if ([World.Drive]::IsOurs($Path)) { [World.Disk]::Refuse($Path) } }

function global:Test-Path {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string[]]$LiteralPath, [ValidateSet('Any', 'Container', 'Leaf')][string]$PathType = 'Any')
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            if ($one -like 'HKLM:*') { Test-WorldRegistry $one; continue }
            if ($one -like 'WSMan:*') { [bool](Get-WorldWsman $one); continue }
            if ($one -like 'Cert:*') { [bool](Get-WorldCertificate $one); continue }
            try { $place = ConvertTo-WorldPath $one } catch { $false; continue }
            Microsoft.PowerShell.Management\Test-Path -Path $place -PathType $PathType
        }
    }
}

function global:Get-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string[]]$LiteralPath, [switch]$Force)
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            if ($one -match 'WSMan:') { Get-WorldWsman $one; continue }
            if ($one -like 'Cert:*') { Get-WorldCertificate $one; continue }
            if ($one -like 'HKLM:*') { Get-WorldRegistryKey $one; continue }
            Microsoft.PowerShell.Management\Get-Item -Path (ConvertTo-WorldPath $one) -Force:$Force
        }
    }
}

function global:Get-ChildItem {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path = '.', [string[]]$LiteralPath, [Parameter(Position = 1)][string]$Filter, [string[]]$Include, [string[]]$Exclude, [switch]$Recurse, [int]$Depth, [switch]$Force, [switch]$File, [switch]$Directory, [switch]$Name)
    process {
        foreach ($one in $(if ($LiteralPath) { $LiteralPath } else { $Path })) {
            if ($one -match 'WSMan:') { Get-WorldWsmanChild $one; continue }
            if ($one -like 'Cert:*') { Get-WorldCertificate $one; continue }
            if ($one -like 'HKLM:*') { Get-WorldRegistryChild $one; continue }
            $more = @{} + $PSBoundParameters
            $more.Remove('LiteralPath')
            $more.Path = ConvertTo-WorldPath $one
            Microsoft.PowerShell.Management\Get-ChildItem @more
        }
    }
}

function global:New-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string]$Name, [ValidateSet('File', 'Directory', 'Junction', 'SymbolicLink')][string]$ItemType, $Value, [switch]$Force, [string]$Transport, [string]$Address, [string]$CertificateThumbPrint, [int]$Port, [string]$HostName)
    process {
        if ($Path[0] -like 'WSMan:*') { New-WorldListener $Path[0] $Transport $Address $CertificateThumbPrint; return }
        if ($Path[0] -like 'HKLM:*') { New-WorldRegistryKey $Path[0] -Force:$Force; return }
        foreach ($only in 'Transport', 'Address', 'CertificateThumbPrint', 'Port', 'HostName') {
            if ($PSBoundParameters.ContainsKey($only)) { throw "A parameter cannot be found that matches parameter name '$only'." }
        }
        $more = @{} + $PSBoundParameters
        $more.Path = @(ConvertTo-WorldPath $Path)
        Microsoft.PowerShell.Management\New-Item @more
    }
}

function global:Remove-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)]$Path, [string[]]$LiteralPath, [string]$Filter, [string[]]$Include, [string[]]$Exclude, [switch]$Recurse, [switch]$Force)
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            if ("$one" -match 'WSMan:') { Remove-WorldListener "$one"; continue }
            if ("$one" -like 'HKLM:*') { Remove-WorldRegistryKey "$one"; continue }
            if ("$one" -like 'Cert:*' -or $one.PSObject.TypeNames[0] -eq 'World.Certificate') { Remove-WorldCertificate $one; continue }
            $more = @{} + $PSBoundParameters
            $more.Remove('LiteralPath')
            $more.Path = ConvertTo-WorldPath $one
            try { Assert-WorldUnused $more.Path } catch { Write-Error -Exception $_.Exception; continue }
            Microsoft.PowerShell.Management\Remove-Item @more
        }
    }
}

function global:Move-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1)][string]$Destination, [switch]$Force)
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            $from = ConvertTo-WorldPath $one
            $to = ConvertTo-WorldPath $Destination
            try { Assert-WorldUnused $from, $to } catch { Write-Error -Exception $_.Exception; continue }
            # 5.1 refuses to move onto a file that is there, unless it is forced.
            Microsoft.PowerShell.Management\Move-Item -Path $from -Destination $to -Force:$Force
            [World.Exchange]::Run([World.Drive]::Real($to))
        }
    }
}

function global:Rename-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string]$Path, [Parameter(Position = 1)][string]$NewName, [switch]$Force)
    process {
        $from = ConvertTo-WorldPath $Path
        try { Assert-WorldUnused $from } catch { Write-Error -Exception $_.Exception; return }
        Microsoft.PowerShell.Management\Rename-Item -Path $from -NewName $NewName -Force:$Force
    }
}

function global:Copy-Item {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1)][string]$Destination, [switch]$Recurse, [switch]$Force, [string]$Filter, [string[]]$Exclude)
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            $more = @{} + $PSBoundParameters
            $more.Remove('LiteralPath')
            $more.Path = ConvertTo-WorldPath $one
            $more.Destination = ConvertTo-WorldPath $Destination
            try { Assert-WorldSpace $more.Destination } catch { Write-Error -Exception $_.Exception; continue }
            Microsoft.PowerShell.Management\Copy-Item @more
        }
    }
}

function global:Get-FileHash {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string]$Path, [string]$LiteralPath, [ValidateSet('SHA1', 'SHA256', 'SHA384', 'SHA512', 'MD5')][string]$Algorithm = 'SHA256')
    process { Microsoft.PowerShell.Utility\Get-FileHash -LiteralPath (ConvertTo-WorldPath $(if ($LiteralPath) { $LiteralPath } else { $Path })) -Algorithm $Algorithm }
}

function global:Get-PSDrive {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$Name)
    if ($Name -ne 'C') { Microsoft.PowerShell.Management\Get-PSDrive @PSBoundParameters; return }
    $drive = New-Object IO.DriveInfo 'C'
    [pscustomobject]@{ Name = 'C'; Root = 'C:\'; Free = $drive.AvailableFreeSpace; Used = $drive.TotalSize - $drive.AvailableFreeSpace }
}
